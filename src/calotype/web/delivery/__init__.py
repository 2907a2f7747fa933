"""Signed objects: reading them with ranges, and putting announced uploads."""
