"""Tenants as their operator sees them: what they have used, and the limits they are given."""

from __future__ import annotations

from collections.abc import Mapping

from calotype.db.engine import Connection, Database
from calotype.db.tenant import select_file_count, select_stored_bytes, select_tenant, select_tenants, update_limits
from calotype.domain.errors import InvalidInput, NotFound
from calotype.domain.principal import Tenant
from calotype.domain.quota import TenantUsage, Usage
from calotype.domain.scope import Scope
from calotype.services.quota import uploads_this_month

LIMITS = ("storage_quota_bytes", "monthly_upload_limit")
_MOST = 2**63 - 1


class TenantService:
    """For the operator's commands; no door of the network leads here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[TenantUsage]:
        """All tenants by name, each as it stands when its turn comes."""
        async with self._database.read() as connection:
            return [await _with_usage(connection, tenant) for tenant in await select_tenants(connection)]

    async def show(self, name: str) -> TenantUsage:
        """One tenant by name. Raises NotFound."""
        async with self._database.read() as connection:
            return await _with_usage(connection, await _named(connection, name))

    async def set_limits(self, name: str, limits: Mapping[str, int | None]) -> TenantUsage:
        """Set those of the `LIMITS` that are given; None takes one away, and what is used already stays.

        Running servers notice the first limit of a tenant within five seconds, later changes at once. Raises NotFound, and
        InvalidInput for a negative number, one beyond 64 bits, or none at all.
        """
        if not limits or limits.keys() - set(LIMITS):
            raise InvalidInput("give --max-bytes, --max-uploads-per-month, or both", field="limits")
        if any(limit is not None and not 0 <= limit <= _MOST for limit in limits.values()):
            raise InvalidInput(f"a limit is between 0 and {_MOST}", field="limits")
        async with self._database.write() as connection:
            tenant = await _named(connection, name)
            await update_limits(connection, Scope(tenant.id), limits)
            changed = await select_tenant(connection, tenant.id)
            assert changed is not None
            return await _with_usage(connection, changed)


async def _named(connection: Connection, name: str) -> Tenant:
    for tenant in await select_tenants(connection):
        if tenant.name == name:
            return tenant
    raise NotFound(f"there is no tenant {name!r}; `calotype tenants list` shows them all")


async def _with_usage(connection: Connection, tenant: Tenant) -> TenantUsage:
    scope = Scope(tenant.id)
    usage = Usage(
        files=await select_file_count(connection, scope),
        stored_bytes=await select_stored_bytes(connection, scope),
        uploads_this_month=await uploads_this_month(connection, scope),
    )
    return TenantUsage(tenant, usage)
