"""Tokens: secrets that stand for somebody, of which only a hash is kept."""

from __future__ import annotations

import hashlib
import re
import secrets

DEVICE_PREFIX = "adk"
_FORM = re.compile(r"[a-z]+_[A-Za-z0-9_-]{20,}")
_LONGEST = 200


def make_token(prefix: str) -> str:
    """A new token: 256 random bits behind a prefix that tells people what it is."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def is_token(text: str) -> bool:
    """Whether a text has the form of a token at all."""
    return len(text) <= _LONGEST and _FORM.fullmatch(text) is not None


def token_hash(token: str) -> bytes:
    """The SHA-256 of a token, which is enough for secrets of so many random bits."""
    return hashlib.sha256(token.encode()).digest()
