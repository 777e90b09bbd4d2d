"""Who carries out the parts of a plan, where it is not this process alone."""
