"""The tasks workers run; each calls one service and may run twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
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


Work = Callable[[Scope, UUID, int], Awaitable[object]]
"""Does the work on an asset, in the attempt of that number, from 1."""

_ON_ASSETS: Mapping[Task, tuple[Callable[[Application], Work], int]] = {
    Task.MAKE_VARIANTS: (lambda services: services.pictures.make_variants, _LONGEST_PAUSE),
    Task.EXTRACT_COLORS: (lambda services: services.colors.extract, _LONGEST_PAUSE),
    Task.READ_TEXT: (lambda services: services.descriptions.read_text, _LONGEST_PAUSE),
    Task.DESCRIBE: (lambda services: services.descriptions.describe, _LONGEST_PAUSE_OF_MODELS),
    Task.INDEX_VIDEO: (lambda services: services.video_indexing.index, _LONGEST_PAUSE_OF_MODELS),
    Task.MAKE_RENDITION: (lambda services: services.renditions.make, _LONGEST_PAUSE),
    Task.DOWNLOAD_VIDEO: (lambda services: services.video_downloads.download, _LONGEST_PAUSE),
    Task.EXTRACT_TEXT: (lambda services: services.extraction.extract, _LONGEST_PAUSE),
    Task.CRAWL: (lambda services: services.crawls.crawl, _LONGEST_PAUSE),
}


def register(app: App, application: Application) -> None:
    """Make the tasks known to the queue's library."""
    for task, (work_of, longest_pause) in _ON_ASSETS.items():
        _register_on_asset(app, application, task, work_of, Patience(longest_pause))

    @app.task(name=Task.EMBED.value, retry=Patience())
    async def embed(tenant_id: str, asset_id: str) -> None:
        await application.embeddings.embed(Scope(UUID(tenant_id)), UUID(asset_id))

    @app.task(name=Task.DELIVER_EVENT.value, retry=Patience())
    async def deliver_event(tenant_id: str, delivery_id: str) -> None:
        await application.webhook_deliveries.deliver(Scope(UUID(tenant_id)), UUID(delivery_id))

    @app.task(name=Task.ANALYZE.value, retry=Patience())
    async def analyze(tenant_id: str, analysis_id: str) -> None:
        await application.analysis_work.run(Scope(UUID(tenant_id)), UUID(analysis_id))


def _register_on_asset(
    app: App, application: Application, task: Task, work_of: Callable[[Application], Work], patience: Patience
) -> None:
    @app.task(name=task.value, pass_context=True, retry=patience)
    async def run(context: JobContext, tenant_id: str, asset_id: str) -> None:
        await work_of(application)(Scope(UUID(tenant_id)), UUID(asset_id), context.job.attempts + 1)
