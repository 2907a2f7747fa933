"""Calotype: one self-hosted server for pictures, films, documents and web links."""

__version__ = "0.1.0"
