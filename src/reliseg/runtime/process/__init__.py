"""The process itself: how it ends, and when garbage is looked for."""
