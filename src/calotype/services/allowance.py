"""What a tenant may still upload, held against its limits."""

from __future__ import annotations

import time
from uuid import UUID

from calotype.db.engine import Connection
from calotype.db.tenant import select_stored_bytes, select_tenant
from calotype.domain.errors import QuotaExceeded, UsageLimitExceeded
from calotype.domain.principal import Tenant
from calotype.domain.scope import Scope
from calotype.services.quota import uploads_this_month

_REMEMBERED = 5.0  # seconds a tenant without limits is not asked about again


class Allowance:
    """What is left of one tenant's limits within a transaction that holds the tenant's lock."""

    def __init__(self, tenant: Tenant | None = None, stored: int = 0, uploads: int = 0) -> None:
        self._tenant = tenant
        self._stored = stored
        self._uploads = uploads

    def take(self, size_bytes: int, *, is_new: bool = True) -> None:
        """Count bytes to come; only a new upload counts towards the monthly limit.

        Raises QuotaExceeded and UsageLimitExceeded; nothing is counted then.
        """
        if self._tenant is None:
            return
        limit, quota = self._tenant.monthly_upload_limit, self._tenant.storage_quota_bytes
        if is_new and limit is not None and self._uploads >= limit:
            raise UsageLimitExceeded("This month's uploads are used up", limit=limit)
        if quota is not None and self._stored + size_bytes > quota:
            raise QuotaExceeded("The storage quota would be exceeded", limit=quota, used=self._stored)
        self._uploads += is_new
        self._stored += size_bytes


class Allowances:
    """Looks up what tenants may still upload; those without limits are remembered for a few seconds."""

    def __init__(self) -> None:
        self._unlimited_until: dict[UUID, float] = {}

    async def of(self, connection: Connection, scope: Scope) -> Allowance:
        """What is left of a tenant's limits; until the transaction ends nobody else can use any of it."""
        if self._unlimited_until.get(scope.tenant_id, 0.0) > time.monotonic():
            return Allowance()
        # Only tenants with limits pay for the lock that keeps two uploads from both taking the last place.
        tenant = await select_tenant(connection, scope.tenant_id)
        if tenant is None or (tenant.storage_quota_bytes is None and tenant.monthly_upload_limit is None):
            self._unlimited_until[scope.tenant_id] = time.monotonic() + _REMEMBERED
            return Allowance()
        tenant = await select_tenant(connection, scope.tenant_id, lock=True)
        assert tenant is not None
        uploads = await uploads_this_month(connection, scope) if tenant.monthly_upload_limit is not None else 0
        stored = await select_stored_bytes(connection, scope) if tenant.storage_quota_bytes is not None else 0
        return Allowance(tenant, stored, uploads)
