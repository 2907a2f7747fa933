"""Telling a tenant what it may still upload; `services/allowance.py` enforces it by the same count."""

from __future__ import annotations

from datetime import UTC, datetime

from calotype.db.engine import Connection, Database
from calotype.db.tenant import select_stored_bytes, select_tenant, select_upload_count
from calotype.domain.quota import UploadOutlook, UploadTerms, start_of_month
from calotype.domain.scope import Scope


async def uploads_this_month(connection: Connection, scope: Scope) -> int:
    """How many uploads count towards a tenant's monthly limit now: the one rule for enforcing, foretelling and reporting."""
    return await select_upload_count(connection, scope, start_of_month(datetime.now(UTC)))


class QuotaService:
    """What is left of a tenant's limits."""

    def __init__(self, database: Database, terms: UploadTerms) -> None:
        self._database = database
        self._terms = terms

    async def outlook(self, scope: Scope, file_count: int) -> UploadOutlook:
        """Whether so many files could be uploaded now; nothing is reserved."""
        async with self._database.snapshot() as connection:
            tenant = await select_tenant(connection, scope.tenant_id)
            assert tenant is not None
            used = await uploads_this_month(connection, scope)
            quota = tenant.storage_quota_bytes
            is_full = quota is not None and await select_stored_bytes(connection, scope) >= quota
        return UploadOutlook(file_count, tenant.monthly_upload_limit, used, is_full, self._terms)
