"""Networks of libraries, which a model names by architecture, arguments and a file of weights."""
