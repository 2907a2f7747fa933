"""Every service of a process, built of its tools and of those below it."""

from __future__ import annotations

import os
from datetime import timedelta

from calotype.ai.interfaces import Describer
from calotype.ai.wordllama_embedder import WordLlamaEmbedder
from calotype.bootstrap import documents, uploads, videos
from calotype.bootstrap.application import Application
from calotype.bootstrap.describer import build_describer
from calotype.bootstrap.tools import Tools
from calotype.domain.budget import Budget
from calotype.domain.quota import UploadTerms
from calotype.domain.video import FILE_FORMATS
from calotype.services.agent_search import AgentSearchService
from calotype.services.analysis import AnalysisService
from calotype.services.analysis_recovery import AnalysisRecovery
from calotype.services.analysis_session import AnalysisSessionService
from calotype.services.analysis_watch import AnalysisWatch
from calotype.services.analysis_work import AnalysisWork
from calotype.services.announcing import AnnounceService
from calotype.services.api_key import ApiKeyService
from calotype.services.asset import AssetService
from calotype.services.batch import BatchService, BatchTerms
from calotype.services.bookmark import BookmarkService
from calotype.services.budget import BudgetService
from calotype.services.chunked_upload import ChunkedUploadService
from calotype.services.color import ColorService
from calotype.services.color_search import ColorSearchService
from calotype.services.credit import CreditService
from calotype.services.delivery import DeliveryService
from calotype.services.describing import DescribingService, ReadingLimits
from calotype.services.description import DescriptionService
from calotype.services.device import DeviceService
from calotype.services.device_upload import DeviceUploadService
from calotype.services.doctor import DoctorService, Readers
from calotype.services.document import DocumentService
from calotype.services.document_search import DocumentSearchService
from calotype.services.duplicate import DuplicateService
from calotype.services.embedding import EmbeddingService
from calotype.services.event import EventService
from calotype.services.export import ExportService
from calotype.services.export_picture import PictureSource, TurnLimits
from calotype.services.folder import FolderService
from calotype.services.image import ImageService
from calotype.services.image_search import ImageSearchService
from calotype.services.importer import ImportService
from calotype.services.indexing import IndexingService
from calotype.services.ingest import IngestService
from calotype.services.ingest_limits import IngestLimits
from calotype.services.link import LinkService
from calotype.services.look_alike import LookAlikeService
from calotype.services.lost_work import LostWork
from calotype.services.media import MediaService
from calotype.services.metrics import MetricsService
from calotype.services.picture import DevelopLimits, PictureService
from calotype.services.presence import Presence
from calotype.services.presigned_upload import PresignedUploadService
from calotype.services.quota import QuotaService
from calotype.services.reindexing import ReindexService
from calotype.services.rendition import RenditionService
from calotype.services.scene import SceneService
from calotype.services.search import SearchService
from calotype.services.session_watch import SessionWatch
from calotype.services.store_owner import StoreOwner
from calotype.services.tenant import TenantService
from calotype.services.trash import TrashService
from calotype.services.upkeep import UpkeepService
from calotype.services.upload_session import UploadSessionService
from calotype.services.upload_status import UploadStatusService
from calotype.services.video import VideoService
from calotype.services.video_group import VideoGroupService
from calotype.services.video_search import VideoSearchService
from calotype.services.webhook import WebhookService
from calotype.services.webhook_delivery import DeliveryTerms, WebhookDeliveryService

MIB = 1024 * 1024


def build(tools: Tools, secret: bytes) -> Application:
    """All services; `secret` signs links, and tells to whom the object store belongs."""
    settings, database, store, queue = tools.settings, tools.database, tools.store, tools.queue
    delivery = DeliveryService(store, secret, lifetime=settings.link_lifetime, public_url=settings.public_url)
    owner = StoreOwner(store, secret)
    limits = IngestLimits(
        max_image_bytes=settings.max_image_bytes,
        max_pixels=settings.max_pixels,
        max_video_bytes=settings.max_video_bytes,
        video_formats=FILE_FORMATS,
        max_document_bytes=settings.max_document_bytes,
    )
    probing = videos.probing(tools)
    ingest = IngestService(database, store, queue, limits, probing, documents.document_check(tools))
    presigned = PresignedUploadService(database, store, ingest, delivery, lifetime=settings.presigned_lifetime)
    chunked_uploads = videos.chunked_uploads(tools, ingest, delivery)
    events = tools.events
    announcing = AnnounceService(database, queue, events)
    trash = TrashService(database, store, queue, events, keep=timedelta(days=settings.trash_days))
    folders = FolderService(database, trash)
    embedder = WordLlamaEmbedder()
    document_search = DocumentSearchService(database, embedder)
    image_search = ImageSearchService(database, embedder)
    video_search = VideoSearchService(database, embedder)
    embeddings = EmbeddingService(database, queue, embedder)
    describer = build_describer(settings, tools.vision)
    describing = _describing(tools, describer, embeddings)
    assets = AssetService(database, queue, embeddings)
    previews = documents.previews(tools)
    links = LinkService(database, queue)
    sessions = _sessions(tools)
    batches = _batches(tools, events)
    device_uploads = uploads.device_uploads(tools, ingest, batches, events)
    webhook_deliveries = _webhook_deliveries(tools)
    presence = Presence(database.url)
    analyses = AnalysisService(database, queue, presence)
    analysis_sessions = uploads.analysis_sessions(tools, ingest)
    analysis_work = AnalysisWork(database, describing, presence, concurrency=settings.analysis_concurrency)
    return Application(
        settings=settings,
        agent_search=AgentSearchService(database, embedder, image_search, document_search, video_search),
        analyses=analyses,
        analysis_recovery=AnalysisRecovery(
            database, queue, presence, analysis_work.is_here, grace=settings.analysis_grace
        ),
        analysis_sessions=analysis_sessions,
        analysis_watch=AnalysisWatch(
            analyses,
            database,
            presence,
            grace=settings.analysis_grace,
            single_wait=settings.analysis_single_wait,
        ),
        analysis_work=analysis_work,
        api_keys=ApiKeyService(database),
        assets=assets,
        batches=batches,
        batch_uploads=uploads.batch_uploads(tools, ingest, assets, trash, sessions),
        budgets=_budgets(tools),
        chunked_completion=videos.chunked_completion(tools, ingest, probing, delivery),
        chunked_uploads=chunked_uploads,
        color_search=ColorSearchService(database),
        colors=_colors(tools),
        crawls=documents.crawl(tools, previews),
        credits=CreditService(database),
        delivery=delivery,
        describing=describing,
        descriptions=DescriptionService(database, queue, events, describing),
        devices=DeviceService(database, batches, grace=timedelta(seconds=settings.device_key_grace_seconds)),
        device_uploads=device_uploads,
        exports=_exports(tools),
        extraction=documents.extraction(tools, embeddings, previews),
        document_search=document_search,
        documents=DocumentService(database, queue, assets, trash, model=embedder.model),
        doctor=DoctorService(
            database,
            store,
            Readers(tools.pictures, tools.videos, tools.documents),
            describer,
            tools.transcriber,
            settings.data_dir,
            owner,
        ),
        duplicates=DuplicateService(database),
        embeddings=embeddings,
        folders=folders,
        image_search=image_search,
        image_uploads=uploads.image_uploads(tools, ingest),
        images=ImageService(database, trash),
        importer=ImportService(database, ingest, folders, BookmarkService(links, folders)),
        indexing=IndexingService(database, queue),
        ingest=ingest,
        links=links,
        look_alikes=LookAlikeService(database),
        media=MediaService(database, queue, delivery),
        metrics=MetricsService(database, queue),
        pictures=_pictures(tools),
        presence=presence,
        presigned=presigned,
        quotas=QuotaService(database, UploadTerms(settings.max_batch_files, settings.max_concurrent_uploads)),
        reindexing=ReindexService(database, embeddings, embedder),
        renditions=RenditionService(database, store, tools.videos),
        scenes=SceneService(database, store),
        search=SearchService(database),
        session_watch=SessionWatch(sessions, database.url),
        sessions=sessions,
        tenants=TenantService(database),
        trash=trash,
        upkeep=_upkeep(
            tools,
            trash,
            presigned,
            chunked_uploads,
            sessions,
            batches,
            device_uploads,
            webhook_deliveries,
            analysis_sessions,
            embeddings,
            owner,
        ),
        upload_status=UploadStatusService(database, queue),
        video_downloads=videos.video_downloads(tools, announcing, probing),
        video_groups=VideoGroupService(database),
        video_indexing=videos.video_indexing(tools, describing, embeddings),
        video_search=video_search,
        video_uploads=videos.video_uploads(tools, ingest, announcing, probing),
        videos=VideoService(database, store, queue, trash),
        webhook_deliveries=webhook_deliveries,
        webhooks=WebhookService(database, queue, tools.fetcher),
        queue=queue,
        picture_slots=settings.worker_processes or os.cpu_count() or 1,
        picture_sandbox=tools.pictures,
        text_sandbox=tools.texts,
    )


def _sessions(tools: Tools) -> UploadSessionService:
    return UploadSessionService(
        tools.database,
        tools.queue,
        tools.events,
        stalled_after=tools.settings.stalled_after,
        keep=timedelta(days=max(1, tools.settings.trash_days)),  # a client must have time to ask
    )


def _batches(tools: Tools, events: EventService) -> BatchService:
    settings = tools.settings
    terms = BatchTerms(settings.batch_max_images, timedelta(seconds=settings.batch_max_age_seconds))
    return BatchService(tools.database, events, terms)


def _budgets(tools: Tools) -> BudgetService:
    limits = {
        Budget.IMAGE_UPLOADS: tools.settings.daily_image_uploads,
        Budget.IMAGE_SEARCHES: tools.settings.daily_image_searches,
        Budget.VIDEO_UPLOADS: tools.settings.daily_video_uploads,
        Budget.VIDEO_SEARCHES: tools.settings.daily_video_searches,
    }
    return BudgetService(tools.database, limits)


def _exports(tools: Tools) -> ExportService:
    limits = TurnLimits(
        max_pixels=tools.settings.max_pixels,
        timeout=tools.settings.decode_timeout,
        at_once=max(1, tools.pictures.workers // 2),  # new pictures are developed by the same children
    )
    return ExportService(tools.database, PictureSource(tools.store, tools.pictures, limits))


def _colors(tools: Tools) -> ColorService:
    settings = tools.settings
    return ColorService(
        tools.database,
        tools.store,
        tools.queue,
        tools.pictures,
        max_pixels=settings.max_pixels,
        timeout=settings.decode_timeout,
    )


def _describing(tools: Tools, describer: Describer, embeddings: EmbeddingService) -> DescribingService:
    return DescribingService(
        tools.database,
        tools.store,
        tools.events,
        tools.texts,
        describer,
        embeddings,
        ReadingLimits(enabled=tools.settings.ocr_enabled, timeout=tools.settings.ocr_timeout),
    )


def _pictures(tools: Tools) -> PictureService:
    limits = DevelopLimits(
        max_pixels=tools.settings.max_pixels,
        timeout=tools.settings.decode_timeout,
        keywords_as_tags=tools.settings.keywords_as_tags,
        max_frame_pixels=tools.settings.video_max_pixels,
    )
    return PictureService(tools.database, tools.store, tools.queue, tools.events, tools.pictures, limits)


def _upkeep(
    tools: Tools,
    trash: TrashService,
    presigned: PresignedUploadService,
    chunked_uploads: ChunkedUploadService,
    sessions: UploadSessionService,
    batches: BatchService,
    device_uploads: DeviceUploadService,
    webhook_deliveries: WebhookDeliveryService,
    analysis_sessions: AnalysisSessionService,
    embeddings: EmbeddingService,
    owner: StoreOwner,
) -> UpkeepService:
    return UpkeepService(
        tools.database,
        tools.store,
        tools.queue,
        LostWork(tools.database, tools.queue, embedding_model=embeddings.model),
        trash,
        presigned,
        chunked_uploads,
        sessions,
        batches,
        device_uploads,
        webhook_deliveries,
        analysis_sessions,
        owner,
        stalled_after=tools.settings.stalled_after,
        orphan_age=timedelta(hours=tools.settings.orphan_age_hours),
    )


def _webhook_deliveries(tools: Tools) -> WebhookDeliveryService:
    terms = DeliveryTerms(
        timeout=tools.settings.webhook_timeout,
        first_pause=timedelta(seconds=tools.settings.webhook_first_pause),
        keep=timedelta(days=tools.settings.webhook_log_days),
    )
    return WebhookDeliveryService(tools.database, tools.queue, tools.fetcher, terms)
