"""The tables, as SQLAlchemy Core sees them; the migrations make them."""

from __future__ import annotations

from calotype.db.tables.analyses import analysis, analysis_image, analysis_item, analysis_session
from calotype.db.tables.assets import (
    asset,
    color_analysis,
    custom_metadata,
    description,
    dominant_color,
    embedding,
    folder,
    operation,
    perceptual_hash,
    stale_embedding,
)
from calotype.db.tables.base import metadata
from calotype.db.tables.devices import annotation, batch, device, device_image, device_key, idempotency_key
from calotype.db.tables.tenants import api_key, budget_use, credit_account, credit_entry, installation, tenant
from calotype.db.tables.texts import asset_text, document, document_chunk, link
from calotype.db.tables.uploads import presigned_upload, upload_session, upload_session_file
from calotype.db.tables.videos import (
    chunked_upload,
    indexing_run,
    scene,
    transcript_segment,
    upload_chunk,
    video,
    video_group,
)
from calotype.db.tables.webhooks import webhook, webhook_delivery, webhook_event

__all__ = [
    "analysis",
    "analysis_image",
    "analysis_item",
    "analysis_session",
    "annotation",
    "api_key",
    "asset",
    "asset_text",
    "batch",
    "budget_use",
    "chunked_upload",
    "color_analysis",
    "credit_account",
    "credit_entry",
    "custom_metadata",
    "description",
    "device",
    "device_image",
    "device_key",
    "document",
    "document_chunk",
    "dominant_color",
    "embedding",
    "folder",
    "idempotency_key",
    "indexing_run",
    "installation",
    "link",
    "metadata",
    "operation",
    "perceptual_hash",
    "presigned_upload",
    "scene",
    "stale_embedding",
    "tenant",
    "transcript_segment",
    "upload_chunk",
    "upload_session",
    "upload_session_file",
    "video",
    "video_group",
    "webhook",
    "webhook_delivery",
    "webhook_event",
]
