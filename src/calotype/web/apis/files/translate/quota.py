"""Quotas as the Files API shows them: pure functions."""

from __future__ import annotations

from calotype.domain.quota import UploadOutlook
from calotype.web.apis.files.wire import quota as wire

UNLIMITED = 2_147_483_647
"""What stands for no limit on the wire, and the greatest number any limit is shown as."""


def outlook_to_wire(outlook: UploadOutlook) -> wire.QuotaAnswer:
    """The answer of `quota-check`; a full storage quota stops uploads as a used-up month does."""
    available = _bounded(outlook.available)
    message = None
    if outlook.requested > available:
        message = f"{outlook.requested} uploads asked for, {available} left this month"
    elif outlook.is_storage_full:
        message = "The storage quota is used up"
    return wire.QuotaAnswer(
        can_proceed=message is None,
        requested=outlook.requested,
        available=available,
        monthly_limit=_bounded(outlook.monthly_limit),
        current_usage=outlook.uploads_this_month,
        max_batch_size=outlook.terms.max_batch_files,
        max_concurrent_uploads=outlook.terms.max_concurrent_uploads,
        message=message,
    )


def _bounded(limit: int | None) -> int:
    return UNLIMITED if limit is None else min(limit, UNLIMITED)
