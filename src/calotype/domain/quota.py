"""What a tenant has used of its limits, and what it may still upload."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from calotype.domain.principal import Tenant


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tenant holds: live files, bytes of all that is kept or announced, and uploads of this calendar month (UTC)."""

    files: int
    stored_bytes: int
    uploads_this_month: int


@dataclass(frozen=True, slots=True)
class TenantUsage:
    """A tenant with its limits, and what it has used of them."""

    tenant: Tenant
    usage: Usage


@dataclass(frozen=True, slots=True)
class UploadTerms:
    """How this installation wants uploads to come: files in one batch, and uploads at once (a recommendation to clients)."""

    max_batch_files: int
    max_concurrent_uploads: int


@dataclass(frozen=True, slots=True)
class UploadOutlook:
    """Whether a number of files can be uploaded now; `monthly_limit` and `available` are None without a limit."""

    requested: int
    monthly_limit: int | None
    uploads_this_month: int
    is_storage_full: bool
    terms: UploadTerms

    @property
    def available(self) -> int | None:
        """Uploads that are left this month; None without a limit."""
        return None if self.monthly_limit is None else max(0, self.monthly_limit - self.uploads_this_month)


def start_of_month(now: datetime) -> datetime:
    """The moment the calendar month of a UTC time began, from which its uploads are counted."""
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
