"""The tables, as SQLAlchemy Core sees them; the migrations make them."""

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
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP, TSVECTOR, UUID

metadata = MetaData()


def _time(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


tenant = Table(
    "tenant",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    _time("created_at"),
    Column("storage_quota_bytes", BigInteger),
    Column("monthly_upload_limit", BigInteger),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, ForeignKey("tenant.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False, unique=True),
    _time("created_at"),
    _time("expires_at", nullable=True),
    _time("revoked_at", nullable=True),
    _time("last_used_at", nullable=True),
)

installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("signing_secret", LargeBinary, nullable=False),
    _time("created_at"),
)

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
    _time("created_at"),
    _time("updated_at"),
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
    _time("deleted_at", nullable=True),
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
    _time("created_at"),
)

operation = Table(
    "operation",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("asset_id", UUID, ForeignKey("asset.id", ondelete="CASCADE"), nullable=False),
    Column("tenant_id", UUID, nullable=False),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False),
    _time("created_at"),
    _time("completed_at", nullable=True),
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
    _time("requested_at", nullable=True),
    Column("n_colors", SmallInteger),
    _time("extracted_at", nullable=True),
)

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
    _time("created_at"),
    _time("expires_at"),
    Column("received_size", BigInteger),
    Column("received_checksum", LargeBinary),
    _time("confirmed_at", nullable=True),
    Column("confirmed_status", Text),
    _time("reaped_at", nullable=True),
)

upload_session = Table(
    "upload_session",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, ForeignKey("tenant.id"), nullable=False),
    _time("created_at"),
    Column("intent", Text),
    Column("verification_level", Text),
    _time("reader_seen_at"),
    _time("received_at", nullable=True),
    _time("closed_at", nullable=True),
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
    _time("created_at"),
    _time("ended_at", nullable=True),
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
    _time("created_at"),
    _time("updated_at"),
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
    _time("created_at"),
)

stale_embedding = Table(
    "stale_embedding",
    metadata,
    Column("asset_id", UUID, ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("source", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    _time("created_at"),
)

budget_use = Table(
    "budget_use",
    metadata,
    Column("api_key_id", UUID, ForeignKey("api_key.id", ondelete="CASCADE"), nullable=False),
    Column("budget", Text, nullable=False),
    _time("used_at"),
)

device = Table(
    "device",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, ForeignKey("tenant.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("duplicate_policy", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    _time("created_at"),
    _time("last_seen_at", nullable=True),
    _time("revoked_at", nullable=True),
)

device_key = Table(
    "device_key",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("device_id", UUID, ForeignKey("device.id", ondelete="CASCADE"), nullable=False),
    Column("tenant_id", UUID, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False, unique=True),
    _time("created_at"),
    _time("expires_at", nullable=True),
)

batch = Table(
    "batch",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("device_id", UUID, ForeignKey("device.id", ondelete="CASCADE"), nullable=False),
    Column("image_count", Integer, nullable=False),
    _time("created_at"),
    _time("closed_at", nullable=True),
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
    _time("created_at"),
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
    _time("created_at"),
)

webhook = Table(
    "webhook",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, ForeignKey("tenant.id"), nullable=False),
    Column("url", Text, nullable=False),
    Column("events", ARRAY(Text), nullable=False),
    Column("secret", LargeBinary, nullable=False),
    _time("created_at"),
)

webhook_event = Table(
    "webhook_event",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("type", Text, nullable=False),
    Column("body", Text, nullable=False),
    _time("created_at"),
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("webhook_id", UUID, ForeignKey("webhook.id", ondelete="CASCADE"), nullable=False),
    Column("event_id", UUID, ForeignKey("webhook_event.id", ondelete="CASCADE"), nullable=False),
    Column("tenant_id", UUID, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    _time("created_at"),
    _time("attempted_at", nullable=True),
    _time("next_attempt_at", nullable=True),
    Column("response_status", SmallInteger),
    Column("error", Text),
    _time("ended_at", nullable=True),
)

credit_account = Table(
    "credit_account",
    metadata,
    Column("tenant_id", UUID, ForeignKey("tenant.id", ondelete="CASCADE"), primary_key=True),
    Column("balance", BigInteger, nullable=False),
    Column("is_unlimited", Boolean, nullable=False),
    Column("entries", BigInteger, nullable=False),
)

credit_entry = Table(
    "credit_entry",
    metadata,
    Column("tenant_id", UUID, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("balance_after", BigInteger, nullable=False),
    Column("session_id", Text),
    Column("image_id", Text),
    Column("request_id", Text),
    _time("created_at"),
)

analysis_session = Table(
    "analysis_session",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("images", Integer, nullable=False),
    _time("created_at"),
    _time("expires_at"),
    _time("ended_at", nullable=True),
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
    _time("watched_until", nullable=True),
    Column("worked_by", Integer),
    Column("epoch", Integer, nullable=False),
    Column("is_suspended", Boolean, nullable=False),
    _time("created_at"),
    _time("ended_at", nullable=True),
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
