"""Who is asking: the tenant and the key a request was authenticated with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from calotype.domain.device import DuplicatePolicy
from calotype.domain.scope import Scope


@dataclass(frozen=True, slots=True)
class CallingDevice:
    """What a device's key tells of it: which device it is, and what becomes of what it sends again."""

    id: UUID
    duplicate_policy: DuplicatePolicy


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller: who holds an API key, or a device with a key of its own."""

    tenant_id: UUID
    key_id: UUID
    device: CallingDevice | None = None

    @property
    def scope(self) -> Scope:
        """What this caller may see by default: its tenant's live assets."""
        return Scope(self.tenant_id)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One API key as far as it may be shown: never the secret, only how it begins."""

    id: UUID
    tenant_id: UUID
    tenant_name: str
    name: str
    hint: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Tenant:
    """A customer of this installation; `None` limits mean unlimited."""

    id: UUID
    name: str
    storage_quota_bytes: int | None = None
    monthly_upload_limit: int | None = None
