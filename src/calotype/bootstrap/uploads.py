"""The ways in for files, built of the tools and of the services below them; chunks of videos are built in `videos.py`."""

from __future__ import annotations

import math
from datetime import timedelta

from calotype.bootstrap.tools import Tools
from calotype.domain.analysis import MOST_IMAGES
from calotype.services.analysis_session import AnalysisSessionService, SessionTerms
from calotype.services.asset import AssetService
from calotype.services.batch import BatchService
from calotype.services.batch_upload import BatchLimits, BatchUploadService
from calotype.services.device_upload import FORMATS, MAX_METADATA_BYTES, DeviceUploadService, DeviceUploadTerms
from calotype.services.event import EventService
from calotype.services.image_upload import ImageTerms, ImageUploadService
from calotype.services.ingest import IngestService
from calotype.services.ingest_limits import IngestLimits
from calotype.services.late_fields import LateFieldsService
from calotype.services.receive import ReceiveService
from calotype.services.trash import TrashService
from calotype.services.upload_session import UploadSessionService
from calotype.settings import Settings


def batch_uploads(
    tools: Tools, ingest: IngestService, assets: AssetService, trash: TrashService, sessions: UploadSessionService
) -> BatchUploadService:
    """Many files of one request."""
    return BatchUploadService(
        tools.database,
        ingest,
        LateFieldsService(tools.database, tools.events, assets, trash),
        trash,
        sessions,
        BatchLimits(tools.settings.max_batch_files, tools.settings.max_batch_bytes),
        stalled_after=tools.settings.stalled_after,
    )


def device_uploads(
    tools: Tools, ingest: IngestService, batches: BatchService, events: EventService
) -> DeviceUploadService:
    """Images of devices."""
    settings = tools.settings
    terms = DeviceUploadTerms(settings.device_max_image_bytes, MAX_METADATA_BYTES)
    limits = IngestLimits(
        max_image_bytes=terms.max_image_bytes, max_pixels=settings.max_pixels, only_formats=FORMATS, only_whole=True
    )
    return DeviceUploadService(tools.database, ingest, ReceiveService(tools.store, limits), batches, events, terms)


def image_uploads(tools: Tools, ingest: IngestService) -> ImageUploadService:
    """Images of the Vision API."""
    settings = tools.settings
    limits = IngestLimits(
        max_image_bytes=settings.max_image_bytes,
        max_pixels=min(settings.max_pixels, settings.vision_max_pixels),
        refused_formats=frozenset({"svg"}),
        only_whole=True,
    )
    terms = ImageTerms(
        max_images=settings.vision_max_images,
        max_image_bytes=settings.max_image_bytes,
        max_metadata_bytes=settings.max_custom_metadata_bytes,
        max_text_bytes=settings.vision_max_body_bytes,
        fetch_timeout=2 * settings.fetch_timeout,
        longest=_longest_upload(settings),
    )
    return ImageUploadService(ingest, ReceiveService(tools.store, limits), tools.fetcher, terms)


def analysis_sessions(tools: Tools, ingest: IngestService) -> AnalysisSessionService:
    """Images that are analysed."""
    settings = tools.settings
    # A picture that is broken fails alone, when it is analysed.
    limits = IngestLimits(
        max_image_bytes=settings.analysis_max_image_bytes, max_pixels=settings.max_pixels, notes_faults=True
    )
    terms = ImageTerms(
        max_images=MOST_IMAGES,
        max_image_bytes=limits.max_image_bytes,
        longest=_longest_upload(settings),
        missing="images is required: one file or more of a multipart form",
    )
    uploads = ImageUploadService(ingest, ReceiveService(tools.store, limits), tools.fetcher, terms)
    lifetime = timedelta(seconds=settings.analysis_session_lifetime)
    return AnalysisSessionService(tools.database, uploads, SessionTerms(lifetime))


def _longest_upload(settings: Settings) -> float:
    """Seconds until an upload must have its rows; where everything is swept at once, nothing helps."""
    return settings.orphan_age_hours * 3600 / 2 or math.inf
