"""Devices, their batches and what they saw."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, ForeignKey, Integer, LargeBinary, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from calotype.db.tables.base import metadata, time

device = Table(
    "device",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, ForeignKey("tenant.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("duplicate_policy", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    time("created_at"),
    time("last_seen_at", nullable=True),
    time("revoked_at", nullable=True),
)

device_key = Table(
    "device_key",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("device_id", UUID, ForeignKey("device.id", ondelete="CASCADE"), nullable=False),
    Column("tenant_id", UUID, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False, unique=True),
    time("created_at"),
    time("expires_at", nullable=True),
)

batch = Table(
    "batch",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("device_id", UUID, ForeignKey("device.id", ondelete="CASCADE"), nullable=False),
    Column("image_count", Integer, nullable=False),
    time("created_at"),
    time("closed_at", nullable=True),
)

device_image = Table(
    "device_image",
    metadata,
    Column("asset_id", UUID, ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("device_id", UUID, ForeignKey("device.id"), nullable=False),
    Column("batch_id", UUID, ForeignKey("batch.id"), nullable=False),
    Column("model_id", Text),
    Column("model_version", Text),
    time("created_at"),
)

annotation = Table(
    "annotation",
    metadata,
    Column("asset_id", UUID, ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("index", SmallInteger, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("class_value", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("geometry", ARRAY(Double), nullable=False),
    Column("confidence", Double),
    Column("extra", Text),
)

idempotency_key = Table(
    "idempotency_key",
    metadata,
    Column("device_id", UUID, ForeignKey("device.id", ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("asset_id", UUID, nullable=False),
    Column("batch_id", UUID, nullable=False),
    Column("object_key", Text, nullable=False),
    Column("is_duplicate", Boolean, nullable=False),
    time("created_at"),
)
