"""What all tables have in common."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, MetaData

metadata = MetaData()


def time(name: str, *, nullable: bool = False) -> Column[object]:
    """A column of moments, stored in UTC."""
    return Column(name, DateTime(timezone=True), nullable=nullable)
