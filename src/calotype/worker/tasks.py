"""The tasks workers run; each calls one service and may run twice."""

from __future__ import annotations

from uuid import UUID

from procrastinate import App, BaseRetryStrategy, JobContext, RetryDecision
from procrastinate.exceptions import JobAborted
from procrastinate.jobs import Job

from calotype.bootstrap import Application
from calotype.domain.job import MOST_PASSING_FAULTS, Task
from calotype.domain.scope import Scope

_LONGEST_PAUSE = 60  # seconds between attempts
# A model may be away for an hour, while it is moved to another machine; so long its pictures wait.
_LONGEST_PAUSE_OF_MODELS = 300


class Patience(BaseRetryStrategy):
    """When a job is worth another attempt: at once when it was interrupted, later after a passing fault, never for ever.

    Pauses grow to `longest` seconds.
    """

    def __init__(self, longest: int = _LONGEST_PAUSE) -> None:
        self._longest = longest

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Interrupted jobs go back as they were; services end what cannot succeed by themselves."""
        if isinstance(exception, JobAborted) or not isinstance(exception, Exception):
            return RetryDecision(retry_in={"seconds": 0})
        if job.attempts >= MOST_PASSING_FAULTS:
            return None
        return RetryDecision(retry_in={"seconds": min(self._longest, 2**job.attempts)})


def register(app: App, application: Application) -> None:
    """Make the tasks known to the queue's library."""

    @app.task(name=Task.MAKE_VARIANTS.value, pass_context=True, retry=Patience())
    async def make_variants(context: JobContext, tenant_id: str, asset_id: str) -> None:
        await application.pictures.make_variants(Scope(UUID(tenant_id)), UUID(asset_id), context.job.attempts + 1)

    @app.task(name=Task.EXTRACT_COLORS.value, pass_context=True, retry=Patience())
    async def extract_colors(context: JobContext, tenant_id: str, asset_id: str) -> None:
        await application.colors.extract(Scope(UUID(tenant_id)), UUID(asset_id), context.job.attempts + 1)

    @app.task(name=Task.READ_TEXT.value, pass_context=True, retry=Patience())
    async def read_text(context: JobContext, tenant_id: str, asset_id: str) -> None:
        await application.descriptions.read_text(Scope(UUID(tenant_id)), UUID(asset_id), context.job.attempts + 1)

    @app.task(name=Task.DESCRIBE.value, pass_context=True, retry=Patience(_LONGEST_PAUSE_OF_MODELS))
    async def describe(context: JobContext, tenant_id: str, asset_id: str) -> None:
        await application.descriptions.describe(Scope(UUID(tenant_id)), UUID(asset_id), context.job.attempts + 1)

    @app.task(name=Task.EMBED.value, retry=Patience())
    async def embed(tenant_id: str, asset_id: str) -> None:
        await application.embeddings.embed(Scope(UUID(tenant_id)), UUID(asset_id))

    @app.task(name=Task.DELIVER_EVENT.value, retry=Patience())
    async def deliver_event(tenant_id: str, delivery_id: str) -> None:
        await application.webhook_deliveries.deliver(Scope(UUID(tenant_id)), UUID(delivery_id))

    @app.task(name=Task.ANALYZE.value, retry=Patience())
    async def analyze(tenant_id: str, analysis_id: str) -> None:
        await application.analysis_work.run(Scope(UUID(tenant_id)), UUID(analysis_id))

    _register_videos(app, application)
    _register_texts(app, application)


def _register_videos(app: App, application: Application) -> None:
    @app.task(name=Task.INDEX_VIDEO.value, pass_context=True, retry=Patience(_LONGEST_PAUSE_OF_MODELS))
    async def index_video(context: JobContext, tenant_id: str, asset_id: str) -> None:
        await application.video_indexing.index(Scope(UUID(tenant_id)), UUID(asset_id), context.job.attempts + 1)

    @app.task(name=Task.MAKE_RENDITION.value, pass_context=True, retry=Patience())
    async def make_rendition(context: JobContext, tenant_id: str, asset_id: str) -> None:
        await application.renditions.make(Scope(UUID(tenant_id)), UUID(asset_id), context.job.attempts + 1)

    @app.task(name=Task.DOWNLOAD_VIDEO.value, pass_context=True, retry=Patience())
    async def download_video(context: JobContext, tenant_id: str, asset_id: str) -> None:
        await application.video_downloads.download(Scope(UUID(tenant_id)), UUID(asset_id), context.job.attempts + 1)


def _register_texts(app: App, application: Application) -> None:
    @app.task(name=Task.EXTRACT_TEXT.value, pass_context=True, retry=Patience())
    async def extract_text(context: JobContext, tenant_id: str, asset_id: str) -> None:
        await application.extraction.extract(Scope(UUID(tenant_id)), UUID(asset_id), context.job.attempts + 1)

    @app.task(name=Task.CRAWL.value, pass_context=True, retry=Patience())
    async def crawl(context: JobContext, tenant_id: str, asset_id: str) -> None:
        await application.crawls.crawl(Scope(UUID(tenant_id)), UUID(asset_id), context.job.attempts + 1)
