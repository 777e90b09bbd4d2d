"""What a run will do: data sets opened, domains and calibrations found, conflicts refused."""
