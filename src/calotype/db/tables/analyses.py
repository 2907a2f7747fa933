"""Analysis sessions and the analyses in them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import UUID

from calotype.db.tables.base import metadata, time

analysis_session = Table(
    "analysis_session",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("images", Integer, nullable=False),
    time("created_at"),
    time("expires_at"),
    time("ended_at", nullable=True),
)

analysis_image = Table(
    "analysis_image",
    metadata,
    Column("session_id", Text, ForeignKey("analysis_session.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("asset_id", UUID, nullable=False),
    Column("upload_path", Text, nullable=False),
    Column("original_filename", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("fault", Text),
    Column("filename", Text(collation="C")),
)

analysis = Table(
    "analysis",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("session_id", Text, ForeignKey("analysis_session.id", ondelete="CASCADE"), nullable=False),
    Column("request_id", Text),
    Column("total", SmallInteger, nullable=False),
    Column("begun", SmallInteger, nullable=False),
    Column("ended", SmallInteger, nullable=False),
    Column("failed", SmallInteger, nullable=False),
    Column("charged", SmallInteger, nullable=False),
    Column("events", SmallInteger, nullable=False),
    Column("watched_by", Integer, nullable=False),
    time("watched_until", nullable=True),
    Column("worked_by", Integer),
    Column("epoch", Integer, nullable=False),
    Column("is_suspended", Boolean, nullable=False),
    time("created_at"),
    time("ended_at", nullable=True),
    Column("credits_remaining", BigInteger),
)

analysis_item = Table(
    "analysis_item",
    metadata,
    Column("analysis_id", UUID, ForeignKey("analysis.id", ondelete="CASCADE"), primary_key=True),
    Column("place", SmallInteger, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("image_id", Text, nullable=False),
    Column("asset_id", UUID, nullable=False),
    Column("state", Text, nullable=False),
    Column("credits", SmallInteger),
    Column("attempts", SmallInteger, nullable=False),
    Column("position", SmallInteger),
    Column("begun_event", SmallInteger),
    Column("ended_event", SmallInteger),
    Column("metadata", Text),
    Column("fault", Text),
    Column("error", Text),
    Column("error_code", Text),
)
