"""Files of every kind that is read, damaged at random from a seed: each is read right, or refused in one line."""
