"""Whose assets a query may see, and in which state of deletion."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from uuid import UUID


class Visibility(enum.Enum):
    """Which assets are meant: the live ones, the trashed ones, or both."""

    LIVE = "live"
    TRASHED = "trashed"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Scope:
    """The one thing every query on a tenant's data begins with."""

    tenant_id: UUID
    visibility: Visibility = Visibility.LIVE

    def trashed(self) -> Scope:
        """The same tenant's trash."""
        return Scope(self.tenant_id, Visibility.TRASHED)

    def any(self) -> Scope:
        """The same tenant's assets, live or trashed."""
        return Scope(self.tenant_id, Visibility.ANY)
