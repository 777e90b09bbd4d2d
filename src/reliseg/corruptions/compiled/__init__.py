"""The inner loops of corruptions, for numba: integers where they fit, else float32 in one written order."""
