"""What a run's folder holds: pieces of statistics named by all that determines them, and what was asked of them."""
