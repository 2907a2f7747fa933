"""The headers that go with a refusal, whatever wire format words it."""

from __future__ import annotations

from calotype.domain import errors as domain


def error_headers(error: domain.CalotypeError) -> dict[str, str]:
    """How to authenticate, and when to come back (RFC 9110, sections 11.6.1 and 10.2.3)."""
    match error:
        case domain.Unauthenticated():
            return {"WWW-Authenticate": str(error.context.get("scheme", "Bearer"))}
        case domain.RateLimited():
            return {"Retry-After": str(error.context.get("retry_after", 1))}
        case _:
            return {}
