"""An upload in two steps: what was announced, and what of it has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from calotype.domain.asset import State


@dataclass(frozen=True, slots=True)
class PresignedUpload:
    """An upload that was announced; its bytes may or may not have come."""

    id: UUID
    tenant_id: UUID
    object_key: str
    original_filename: str
    declared_size: int
    title: str | None
    tags: tuple[str, ...]
    auto_describe: bool
    created_at: datetime
    expires_at: datetime
    received_size: int | None = None
    received_checksum: str | None = None
    confirmed_at: datetime | None = None
    confirmed_status: State | None = None
    reaped_at: datetime | None = None
    received_key: str | None = None

    @property
    def stored_key(self) -> str | None:
        """Where the bytes lie that were put last, if any were; an older version put them under the announced key itself."""
        if self.received_size is None:
            return None
        return self.received_key or self.object_key
