"""Calotype: one self-hosted server for visual media."""

__version__ = "0.1.0"
