"""All services of one process, built and connected."""

from __future__ import annotations

from dataclasses import dataclass

from calotype.jobs.queue import JobQueue
from calotype.sandbox.pool import Sandbox
from calotype.services.agent_search import AgentSearchService
from calotype.services.analysis import AnalysisService
from calotype.services.analysis_recovery import AnalysisRecovery
from calotype.services.analysis_session import AnalysisSessionService
from calotype.services.analysis_watch import AnalysisWatch
from calotype.services.analysis_work import AnalysisWork
from calotype.services.api_key import ApiKeyService
from calotype.services.asset import AssetService
from calotype.services.batch import BatchService
from calotype.services.batch_upload import BatchUploadService
from calotype.services.budget import BudgetService
from calotype.services.chunked_completion import ChunkedCompletionService
from calotype.services.chunked_upload import ChunkedUploadService
from calotype.services.color import ColorService
from calotype.services.color_search import ColorSearchService
from calotype.services.crawl import CrawlService
from calotype.services.credit import CreditService
from calotype.services.delivery import DeliveryService
from calotype.services.describing import DescribingService
from calotype.services.description import DescriptionService
from calotype.services.device import DeviceService
from calotype.services.device_upload import DeviceUploadService
from calotype.services.doctor import DoctorService
from calotype.services.document import DocumentService
from calotype.services.document_search import DocumentSearchService
from calotype.services.duplicate import DuplicateService
from calotype.services.embedding import EmbeddingService
from calotype.services.export import ExportService
from calotype.services.extraction import ExtractionService
from calotype.services.folder import FolderService
from calotype.services.image import ImageService
from calotype.services.image_search import ImageSearchService
from calotype.services.image_upload import ImageUploadService
from calotype.services.importer import ImportService
from calotype.services.indexing import IndexingService
from calotype.services.ingest import IngestService
from calotype.services.link import LinkService
from calotype.services.look_alike import LookAlikeService
from calotype.services.media import MediaService
from calotype.services.metrics import MetricsService
from calotype.services.picture import PictureService
from calotype.services.presence import Presence
from calotype.services.presigned_upload import PresignedUploadService
from calotype.services.quota import QuotaService
from calotype.services.reindexing import ReindexService
from calotype.services.rendition import RenditionService
from calotype.services.scene import SceneService
from calotype.services.search import SearchService
from calotype.services.session_watch import SessionWatch
from calotype.services.tenant import TenantService
from calotype.services.trash import TrashService
from calotype.services.upkeep import UpkeepService
from calotype.services.upload_session import UploadSessionService
from calotype.services.upload_status import UploadStatusService
from calotype.services.video import VideoService
from calotype.services.video_download import VideoDownloadService
from calotype.services.video_group import VideoGroupService
from calotype.services.video_indexing import VideoIndexingService
from calotype.services.video_search import VideoSearchService
from calotype.services.video_upload import VideoUploadService
from calotype.services.webhook import WebhookService
from calotype.services.webhook_delivery import WebhookDeliveryService
from calotype.settings import Settings


@dataclass(frozen=True, slots=True)
class Application:
    """All services of one process, built and connected."""

    settings: Settings
    agent_search: AgentSearchService
    analyses: AnalysisService
    analysis_recovery: AnalysisRecovery
    analysis_sessions: AnalysisSessionService
    analysis_watch: AnalysisWatch
    analysis_work: AnalysisWork
    api_keys: ApiKeyService
    assets: AssetService
    batches: BatchService
    batch_uploads: BatchUploadService
    budgets: BudgetService
    chunked_completion: ChunkedCompletionService
    chunked_uploads: ChunkedUploadService
    color_search: ColorSearchService
    colors: ColorService
    crawls: CrawlService
    credits: CreditService
    delivery: DeliveryService
    devices: DeviceService
    device_uploads: DeviceUploadService
    exports: ExportService
    extraction: ExtractionService
    describing: DescribingService
    descriptions: DescriptionService
    doctor: DoctorService
    document_search: DocumentSearchService
    documents: DocumentService
    folders: FolderService
    duplicates: DuplicateService
    images: ImageService
    image_search: ImageSearchService
    image_uploads: ImageUploadService
    embeddings: EmbeddingService
    importer: ImportService
    indexing: IndexingService
    ingest: IngestService
    links: LinkService
    look_alikes: LookAlikeService
    media: MediaService
    metrics: MetricsService
    pictures: PictureService
    presence: Presence
    presigned: PresignedUploadService
    quotas: QuotaService
    reindexing: ReindexService
    renditions: RenditionService
    scenes: SceneService
    search: SearchService
    session_watch: SessionWatch
    sessions: UploadSessionService
    tenants: TenantService
    trash: TrashService
    upkeep: UpkeepService
    upload_status: UploadStatusService
    video_downloads: VideoDownloadService
    video_groups: VideoGroupService
    video_indexing: VideoIndexingService
    video_search: VideoSearchService
    video_uploads: VideoUploadService
    videos: VideoService
    webhook_deliveries: WebhookDeliveryService
    webhooks: WebhookService
    queue: JobQueue
    picture_slots: int
    picture_sandbox: Sandbox
    text_sandbox: Sandbox

    async def warm(self) -> None:
        """Start the child processes before the first job needs them."""
        await self.picture_sandbox.warm()
        await self.text_sandbox.warm()
