"""Whether a picture's file is whole."""

from __future__ import annotations


def check_complete(data: object, format_: str) -> None:
    """Placeholder."""
