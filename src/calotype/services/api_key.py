"""API keys: making, showing, revoking them, and telling who a key belongs to."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import UUID

from calotype.db.api_key import (
    insert_api_key,
    select_api_key_by_hash,
    select_api_key_count,
    select_api_keys,
    update_api_key_revoked,
    update_api_keys_used,
)
from calotype.db.credit import insert_account
from calotype.db.engine import Database
from calotype.db.tenant import insert_tenant, select_tenants
from calotype.domain.errors import CredentialExpired, InvalidInput, NotFound, Unauthenticated
from calotype.domain.principal import ApiKey, Principal
from calotype.domain.scope import Scope
from calotype.services.token import DEVICE_PREFIX, is_token, make_token, token_hash

DEFAULT_TENANT = "default"
DEFAULT_PREFIX = "calo"
_PREFIX = re.compile(r"[a-z]{1,20}")


class ApiKeyService:
    """Keys are 256 random bits behind a prefix; the database keeps only their SHA-256, which is enough for such secrets."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._used: dict[UUID, datetime] = {}

    async def authenticate(self, token: str) -> Principal:
        """Who a key belongs to.

        Raises Unauthenticated for malformed, unknown and revoked keys, CredentialExpired for expired ones.
        """
        if not is_token(token):
            raise Unauthenticated("Invalid API key")
        async with self._database.read() as connection:
            found = await select_api_key_by_hash(connection, token_hash(token))
        if found is None or found.revoked_at is not None:
            raise Unauthenticated("Invalid API key")
        now = datetime.now(UTC)
        if found.expires_at is not None and found.expires_at <= now:
            raise CredentialExpired("This API key has expired")
        self._used[found.id] = now
        return Principal(found.tenant_id, found.id)

    async def create(
        self,
        name: str,
        *,
        tenant: str = DEFAULT_TENANT,
        prefix: str = DEFAULT_PREFIX,
        expires_at: datetime | None = None,
    ) -> str:
        """Make a key, and its tenant if that is new; returns the secret, which nobody can show again.

        Raises InvalidInput for a bad prefix, an empty name or tenant, or an expiry in the past.
        """
        if not _PREFIX.fullmatch(prefix):
            raise InvalidInput("a key's prefix is 1 to 20 lower-case letters", field="prefix")
        if prefix == DEVICE_PREFIX:
            raise InvalidInput(f"{DEVICE_PREFIX}_ keys are devices' own; see `calotype devices add`", field="prefix")
        if not name.strip() or not tenant.strip():
            raise InvalidInput("a key and its tenant need a name", field="name")
        now = datetime.now(UTC)
        if expires_at is not None and expires_at <= now:
            raise InvalidInput("a key cannot expire in the past", field="expires")
        token = make_token(prefix)
        async with self._database.write() as connection:
            tenant_id = await insert_tenant(connection, tenant.strip(), now)
            # Who runs the server pays for it anyway; others are given what they may use.
            await insert_account(connection, Scope(tenant_id), is_unlimited=tenant.strip() == DEFAULT_TENANT)
            await insert_api_key(
                connection,
                tenant_id,
                name.strip(),
                hint=token[: len(prefix) + 5],
                secret_hash=token_hash(token),
                now=now,
                expires_at=expires_at,
            )
        return token

    async def create_first(self) -> str | None:
        """The first key of a new installation; None when there has ever been one."""
        async with self._database.read() as connection:
            count = await select_api_key_count(connection)
        return None if count else await self.create("first key")

    async def keys(self) -> list[ApiKey]:
        """All keys, for the operator; never their secrets."""
        async with self._database.read() as connection:
            return await select_api_keys(connection)

    async def scope_of_tenant(self, tenant: str) -> Scope:
        """The scope of a tenant by name, for commands on this machine. Raises NotFound."""
        async with self._database.read() as connection:
            for found in await select_tenants(connection):
                if found.name == tenant:
                    return Scope(found.id)
        raise NotFound(f"there is no tenant {tenant!r}; `calotype keys create NAME --tenant {tenant}` makes one")

    async def revoke(self, key: str) -> bool:
        """Revoke a key, given its id or the secret itself; False when there is none that still works.

        Raises InvalidInput when it is neither.
        """
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            if is_token(key):
                found = await select_api_key_by_hash(connection, token_hash(key))
                return found is not None and await update_api_key_revoked(connection, found.id, now)
            try:
                key_id = UUID(key)
            except ValueError as error:
                raise InvalidInput("give the key's id (see `keys list`) or the key itself", field="key") from error
            return await update_api_key_revoked(connection, key_id, now)

    async def note_used(self) -> None:
        """Write down when keys were last used, gathered since the last call."""
        used, self._used = self._used, {}
        if used:
            async with self._database.mark() as connection:
                await update_api_keys_used(connection, used)
