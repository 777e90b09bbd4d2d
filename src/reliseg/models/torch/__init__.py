"""What the kinds that run a network with torch share."""
