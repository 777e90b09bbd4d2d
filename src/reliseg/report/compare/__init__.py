"""Numbers of models, calibrations, domains or runs beside each other: differences, and how sure they are."""
