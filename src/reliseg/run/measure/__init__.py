"""From stored statistics to rows of results."""
