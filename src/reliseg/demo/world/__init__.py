"""What draws the demo's street scenes."""
