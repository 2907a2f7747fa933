"""Assets and everything that is known of one."""

from __future__ import annotations

from pgvector.sqlalchemy import BIT, HALFVEC
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP, TSVECTOR, UUID

from calotype.db.tables.base import metadata, time

asset = Table(
    "asset",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, ForeignKey("tenant.id"), nullable=False),
    Column(
        "sort_at",
        DateTime(timezone=True),
        Computed("coalesce(captured_at, created_at)", persisted=True),
        nullable=False,
    ),
    Column("size_bytes", BigInteger, nullable=False),
    time("created_at"),
    time("updated_at"),
    Column("has_description", Boolean, nullable=False),
    Column("auto_describe", Boolean, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("upload_method", Text, nullable=False),
    Column("object_key", Text, nullable=False),
    Column("original_filename", Text, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    Column("storage_target", Text, nullable=False),
    Column("title", Text),
    Column("tags", ARRAY(Text), nullable=False),
    Column("folder_id", UUID),
    time("deleted_at", nullable=True),
    # What development found out.
    Column("width", Integer),
    Column("height", Integer),
    Column("blur_hash", Text),
    Column("facts", JSONB),
    Column("captured_at", DateTime(timezone=True)),
    Column("captured_wall", TIMESTAMP(timezone=False)),
    Column("captured_offset_minutes", SmallInteger),
    Column("captured_offset_source", Text),
    Column("variants", JSONB, nullable=False),
    Column("variant_status", Text),
    Column("variant_error", Text),
    # The newest description.
    Column("description_status", Text),
    Column("description_error", Text),
    Column("description", Text),
    Column("visible_text", Text),
    Column("confidence", Double),
    Column("described_at", DateTime(timezone=True)),
    # What listings sort and search by.
    Column("search", TSVECTOR, nullable=False),
    Column("sort_title", Text, Computed("lower(title)", persisted=True)),
    # What the client says of it: Unix seconds, exactly as sent.
    Column("recorded_timestamp", Numeric),
    # The text of a document.
    Column("text_status", Text),
    Column("text_error", Text),
    ForeignKeyConstraint(["tenant_id", "folder_id"], ["folder.tenant_id", "folder.id"]),
)

description = Table(
    "description",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("asset_id", UUID, ForeignKey("asset.id", ondelete="CASCADE"), nullable=False),
    Column("tenant_id", UUID, nullable=False),
    Column("description", Text, nullable=False),
    Column("visible_text", Text),
    Column("confidence", Double),
    Column("providers", ARRAY(Text), nullable=False),
    Column("verification_level", Text, nullable=False),
    Column("processing_time_ms", Integer),
    time("created_at"),
)

operation = Table(
    "operation",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("asset_id", UUID, ForeignKey("asset.id", ondelete="CASCADE"), nullable=False),
    Column("tenant_id", UUID, nullable=False),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False),
    time("created_at"),
    time("completed_at", nullable=True),
    Column("error_message", Text),
)

dominant_color = Table(
    "dominant_color",
    metadata,
    Column("asset_id", UUID, ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("rank", SmallInteger, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("percentage", Double, nullable=False),
    Column("rgb", Integer, nullable=False),
    Column("lab", ARRAY(Double), nullable=False),
    Column(
        "cell",
        SmallInteger,
        Computed(
            "((rgb >> 19) & 31) * 1024 + ((rgb >> 11) & 31) * 32 + ((rgb >> 3) & 31)",
            persisted=True,
        ),
        nullable=False,
    ),
    Column(
        "entry",
        LargeBinary,
        Computed("uuid_send(asset_id) || int4send(rgb) || int2send((percentage * 100)::smallint)", persisted=True),
        nullable=False,
    ),
)

color_analysis = Table(
    "color_analysis",
    metadata,
    Column("asset_id", UUID, ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("wanted", SmallInteger, nullable=False),
    Column("status", Text, nullable=False),
    time("requested_at", nullable=True),
    Column("n_colors", SmallInteger),
    time("extracted_at", nullable=True),
)

folder = Table(
    "folder",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, ForeignKey("tenant.id"), nullable=False),
    Column("parent_id", UUID),
    Column("name", Text(collation="C"), nullable=False),
    Column("depth", SmallInteger, nullable=False),
    Column("parent_depth", SmallInteger, Computed("depth - 1", persisted=True)),
    time("created_at"),
    time("updated_at"),
    ForeignKeyConstraint(["tenant_id", "parent_id", "parent_depth"], ["folder.tenant_id", "folder.id", "folder.depth"]),
)

perceptual_hash = Table(
    "perceptual_hash",
    metadata,
    Column("asset_id", UUID, ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("phash", BIT(64), nullable=False),
)

custom_metadata = Table(
    "custom_metadata",
    metadata,
    Column("asset_id", UUID, ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("document", Text, nullable=False),
    Column("search", TSVECTOR, nullable=False),
)

embedding = Table(
    "embedding",
    metadata,
    Column("asset_id", UUID, ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("source", Text, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("dimension", SmallInteger, nullable=False),
    Column("vector", HALFVEC, nullable=False),
    time("created_at"),
)

stale_embedding = Table(
    "stale_embedding",
    metadata,
    Column("asset_id", UUID, ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("source", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    time("created_at"),
)
