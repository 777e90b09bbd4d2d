"""Reports: tables and figures, from results alone."""
