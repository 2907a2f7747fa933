"""Which work an asset still lacks, and whether work that failed is worth another attempt.

What is lacking is derived from the row: the queue may lose a job, the row never does.
"""

from __future__ import annotations

from uuid import UUID

from calotype.domain.asset import State
from calotype.domain.errors import SandboxFailure
from calotype.domain.job import Job, Task

MAX_ATTEMPTS = 3
"""How often one piece of work may bring its process down before it is given up."""

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


def is_worth_another(failure: SandboxFailure, attempt: int) -> bool:
    """Whether work that failed in a child should be tried again in another one.

    A child that could not even start tells nothing about the work; that is tried until the machine is in order again.
    """
    return attempt < MAX_ATTEMPTS or failure.context.get("reason") == "start"
