"""Runs: configuration, plan, engine, store."""
