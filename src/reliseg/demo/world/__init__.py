"""The drawing of the demo's street scenes."""
