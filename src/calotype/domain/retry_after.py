"""The pause a server asks for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_MOST_DIGITS = 9


def pause_asked_for(text: str | None, now: datetime) -> timedelta:
    """The pause a `Retry-After` header asks for (RFC 9110, section 10.2.3): seconds, or a moment; zero when it says nothing."""
    value = (text or "").strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=int(value[:_MOST_DIGITS]))
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return timedelta()
    until = until.replace(tzinfo=UTC) if until.tzinfo is None else until
    return max(timedelta(), until - now)
