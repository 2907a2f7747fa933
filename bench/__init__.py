"""Benchmarks, each runnable by itself."""
