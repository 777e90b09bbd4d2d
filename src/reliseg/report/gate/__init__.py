"""A gate before deployment: conditions on the numbers of a run, judged by their intervals; for people and for CI."""
