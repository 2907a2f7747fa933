"""Videos, their groups and scenes, and what is being done with them."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR, UUID

from calotype.db.tables.base import metadata, time

video_group = Table(
    "video_group",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, ForeignKey("tenant.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text(collation="C"), nullable=False),
    Column("metadata", JSON, nullable=False),
    time("created_at"),
    time("updated_at"),
)

video = Table(
    "video",
    metadata,
    Column("asset_id", UUID, ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("name", Text, nullable=False),
    Column("group_id", UUID),
    time("starts_at", nullable=True),
    Column("has_storyboard", Boolean, nullable=False),
    Column("caption_prompt", Text),
    Column("source_url", Text),
    Column("download_status", Text),
    Column("download_error", Text),
    Column("container", Text),
    Column("duration", Double),
    Column("frame_rate", Double),
    Column("rotation", SmallInteger),
    Column("video_codec", Text),
    Column("pixel_format", Text),
    Column("audio_codec", Text),
    Column("bitrate_kbps", Integer),
    Column("indexing_status", Text),
    Column("scene_count", Integer, nullable=False),
    Column("has_transcript", Boolean, nullable=False),
    Column("storyboard", JSONB),
    Column("rendition_status", Text),
    Column("rendition_key", Text),
    Column("rendition_error", Text),
    ForeignKeyConstraint(["tenant_id", "group_id"], ["video_group.tenant_id", "video_group.id"]),
)

indexing_run = Table(
    "indexing_run",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("asset_id", UUID, ForeignKey("asset.id", ondelete="CASCADE"), nullable=False),
    Column("tenant_id", UUID, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("progress", SmallInteger, nullable=False),
    Column("step", Text),
    Column("retries", SmallInteger, nullable=False),
    Column("error", Text),
    Column("error_code", Text),
    time("created_at"),
    time("started_at", nullable=True),
    time("completed_at", nullable=True),
)

scene = Table(
    "scene",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("asset_id", UUID, ForeignKey("asset.id", ondelete="CASCADE"), nullable=False),
    Column("tenant_id", UUID, nullable=False),
    Column("index", Integer, nullable=False),
    Column("start_time", Double, nullable=False),
    Column("end_time", Double, nullable=False),
    Column("keyframe_key", Text),
    Column("description", Text),
    Column("visible_text", Text),
    Column("transcript", Text),
    Column("tags", ARRAY(Text), nullable=False),
    Column("confidence", Double),
    Column("search", TSVECTOR, nullable=False),
    time("created_at"),
)

transcript_segment = Table(
    "transcript_segment",
    metadata,
    Column("asset_id", UUID, ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("index", Integer, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("start_time", Double, nullable=False),
    Column("end_time", Double, nullable=False),
    Column("text", Text, nullable=False),
)

chunked_upload = Table(
    "chunked_upload",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, ForeignKey("tenant.id", ondelete="CASCADE"), nullable=False),
    Column("upload_id", Text, nullable=False),
    Column("batch_id", UUID),
    Column("object_key", Text, nullable=False),
    Column("original_filename", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("chunk_bytes", Integer, nullable=False),
    Column("total_chunks", Integer, nullable=False),
    Column("title", Text),
    Column("tags", ARRAY(Text), nullable=False),
    Column("custom_metadata", Text),
    Column("priority", Text, nullable=False),
    Column("status", Text, nullable=False),
    time("created_at"),
    time("updated_at"),
    time("expires_at"),
    time("reaped_at", nullable=True),
    Column("completion", JSON),
)

upload_chunk = Table(
    "upload_chunk",
    metadata,
    Column("upload_id", UUID, ForeignKey("chunked_upload.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("retries", SmallInteger, nullable=False),
    Column("object_key", Text),
    Column("size_bytes", BigInteger),
    Column("etag", Text),
    time("received_at", nullable=True),
    time("confirmed_at", nullable=True),
)
