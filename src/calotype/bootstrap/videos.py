"""What works on videos, built of its tools and of the services below it."""

from __future__ import annotations

from datetime import timedelta

from calotype.bootstrap.pages import page_downloader
from calotype.bootstrap.tools import Tools
from calotype.domain.video import FILE_FORMATS
from calotype.services.announcing import AnnounceService
from calotype.services.chunked_completion import ChunkedCompletionService
from calotype.services.chunked_upload import ChunkedUploadService
from calotype.services.delivery import DeliveryService
from calotype.services.describing import DescribingService
from calotype.services.embedding import EmbeddingService
from calotype.services.ingest import IngestService
from calotype.services.ingest_limits import IngestLimits
from calotype.services.probing import ProbeLimits, ProbeService
from calotype.services.receive import ReceiveService
from calotype.services.upload_chunk import ChunkTerms
from calotype.services.video_download import DownloadLimits, VideoDownloadService
from calotype.services.video_indexing import VideoIndexingService
from calotype.services.video_reading import VideoLimits, VideoReader
from calotype.services.video_upload import VideoTerms, VideoUploadService
from calotype.settings import Settings


def probing(tools: Tools) -> ProbeService:
    """Looks at files before they are accepted."""
    limits = ProbeLimits(tools.settings.video_max_pixels, timeout=tools.settings.decode_timeout)
    return ProbeService(tools.store, tools.probes, limits)


def video_uploads(
    tools: Tools, ingest: IngestService, announcing: AnnounceService, probing: ProbeService
) -> VideoUploadService:
    """Takes videos of the Vision API."""
    settings = tools.settings
    terms = VideoTerms(settings.vision_max_video_bytes, settings.vision_max_body_bytes)
    receiver = ReceiveService(tools.store, _video_limits(settings), probing)
    return VideoUploadService(tools.database, ingest, receiver, announcing, tools.fetcher, terms)


def video_downloads(tools: Tools, announcing: AnnounceService, probing: ProbeService) -> VideoDownloadService:
    """Fetches videos by URL."""
    settings = tools.settings
    receiver = ReceiveService(tools.store, _video_limits(settings), probing)
    limits = DownloadLimits(settings.vision_max_video_bytes, settings.download_least_rate)
    return VideoDownloadService(announcing, receiver, tools.fetcher, page_downloader(tools), limits)


def video_indexing(tools: Tools, describing: DescribingService, embeddings: EmbeddingService) -> VideoIndexingService:
    """Indexes videos."""
    settings = tools.settings
    limits = VideoLimits(settings.video_max_pixels, max(1, tools.pictures.workers - 1), settings.decode_timeout)
    reader = VideoReader(tools.store, tools.videos, tools.pictures, describing, tools.transcriber, limits)
    return VideoIndexingService(tools.database, tools.store, reader, embeddings)


def _video_limits(settings: Settings) -> IngestLimits:
    """Whatever can be decoded, but no pictures."""
    return IngestLimits(max_image_bytes=0, max_pixels=0, max_video_bytes=settings.vision_max_video_bytes)


def chunked_uploads(tools: Tools, ingest: IngestService, delivery: DeliveryService) -> ChunkedUploadService:
    """Takes the chunks of videos."""
    settings = tools.settings
    terms = ChunkTerms(
        max_video_bytes=settings.max_video_bytes,
        max_metadata_bytes=settings.max_custom_metadata_bytes,
        chunk_bytes=settings.chunk_bytes,
        lifetime=timedelta(seconds=settings.chunked_lifetime),
        retries=settings.chunk_retries,
        at_once=settings.max_concurrent_chunks,
    )
    return ChunkedUploadService(tools.database, tools.store, ingest, delivery, terms)


def chunked_completion(
    tools: Tools, ingest: IngestService, probing: ProbeService, delivery: DeliveryService
) -> ChunkedCompletionService:
    """Puts chunks together."""
    limits = IngestLimits(
        max_image_bytes=0, max_pixels=0, max_video_bytes=tools.settings.max_video_bytes, video_formats=FILE_FORMATS
    )
    return ChunkedCompletionService(
        tools.database,
        tools.store,
        ingest,
        ReceiveService(tools.store, limits, probing),
        delivery,
        link_lifetime=timedelta(seconds=tools.settings.link_lifetime),
    )
