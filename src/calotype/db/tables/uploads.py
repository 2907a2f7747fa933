"""Uploads that are announced, or made together."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from calotype.db.tables.base import metadata, time

presigned_upload = Table(
    "presigned_upload",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, ForeignKey("tenant.id"), nullable=False),
    Column("object_key", Text, nullable=False),
    Column("original_filename", Text, nullable=False),
    Column("declared_size", BigInteger, nullable=False),
    Column("title", Text),
    Column("tags", ARRAY(Text), nullable=False),
    Column("auto_describe", Boolean, nullable=False),
    time("created_at"),
    time("expires_at"),
    Column("received_size", BigInteger),
    Column("received_checksum", LargeBinary),
    time("confirmed_at", nullable=True),
    Column("confirmed_status", Text),
    time("reaped_at", nullable=True),
    Column("received_key", Text),
)

upload_session = Table(
    "upload_session",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, ForeignKey("tenant.id"), nullable=False),
    time("created_at"),
    Column("intent", Text),
    Column("verification_level", Text),
    time("reader_seen_at"),
    time("received_at", nullable=True),
    time("closed_at", nullable=True),
    Column("closed_as", Text),
)

upload_session_file = Table(
    "upload_session_file",
    metadata,
    Column("session_id", UUID, ForeignKey("upload_session.id", ondelete="CASCADE"), primary_key=True),
    Column("index", Integer, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("asset_id", UUID, nullable=False),
    Column("filename", Text, nullable=False),
    Column("object_key", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("error", Text),
    Column("description", Text),
    Column("retryable", Boolean, nullable=False),
    Column("is_wanted", Boolean, nullable=False),
    time("created_at"),
    time("ended_at", nullable=True),
)
