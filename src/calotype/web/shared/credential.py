"""Where requests carry an API key."""

from __future__ import annotations

from starlette.datastructures import Headers

BEARER, API_KEY, DEVICE_KEY, SIGNED_LINK = "BearerToken", "ApiKey", "DeviceKey", "SignedLink"
"""What the OpenAPI document calls the ways of carrying a credential."""


def bearer_token(headers: Headers) -> str | None:
    """The token of `Authorization: Bearer <token>`, whatever it looks like; None for any other scheme."""
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def api_key_in(headers: Headers) -> str | None:
    """The key of `X-Api-Key`, or the bearer token where that header is missing or empty."""
    return headers.get("x-api-key", "").strip() or bearer_token(headers) or None
