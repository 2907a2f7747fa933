"""Which work an asset still lacks, derived from its row: the queue may lose a job, the row never does."""

from __future__ import annotations

from uuid import UUID

from calotype.domain.asset import State
from calotype.domain.job import Job, Task

OPEN = frozenset({State.PENDING, State.PROCESSING})


def missing_jobs(
    tenant_id: UUID, asset_id: UUID, variant_status: State | None, description_status: State | None
) -> list[Job]:
    """The job that takes the asset further; text is read only from finished variants, so there is one at most."""
    if variant_status in OPEN:
        return [Job(Task.MAKE_VARIANTS, tenant_id, asset_id)]
    if description_status in OPEN:
        return [Job(Task.READ_TEXT, tenant_id, asset_id)]
    return []
