"""Deletions on the wire."""

from __future__ import annotations

from typing_extensions import TypedDict


class Deleted(TypedDict):
    """What became of the objects that were to be deleted."""

    status: str
    message: str
    deleted: list[str]
    not_found: list[str]
