"""Benchmarks: the product through its public entry against the engine's own limit, in one run."""
