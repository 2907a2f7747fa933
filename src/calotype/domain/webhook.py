"""Webhooks: where a tenant wants to be told of events, how that is signed, and when it is tried again."""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from calotype.domain.errors import InvalidInput
from calotype.domain.event import EventType

MOST_WEBHOOKS = 50
"""How many a tenant may have; every event is written once for each that wants it."""

TRIED_FOR = timedelta(hours=24)
"""From the event to the last attempt."""

_PREFIX = "whsec_"
_SECRET_BYTES = range(24, 65)
_MADE_BYTES = 32
_LONGEST_PAUSE = timedelta(hours=4)
_MOST_GROWTH = 12  # steps, which make hours of a millisecond


class DeliveryStatus(enum.StrEnum):
    """What became of bringing one event to one webhook."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook; its secret is nobody's business any more."""

    id: UUID
    url: str
    events: tuple[EventType, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook just made, with the secret that nobody can show again."""

    webhook: Webhook
    secret: str


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """What the log says of one event for one webhook.

    `response_status` and `error` are of the last attempt; `next_attempt_at` is None once it is over, at `ended_at`.
    """

    id: UUID
    event_id: UUID
    event_type: EventType
    status: DeliveryStatus
    attempts: int
    created_at: datetime
    attempted_at: datetime | None
    next_attempt_at: datetime | None
    response_status: int | None
    error: str | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class WaitingDelivery:
    """A delivery that has not ended, with all that an attempt needs."""

    id: UUID
    webhook_id: UUID
    event_id: UUID
    url: str
    secret: bytes
    body: str
    attempts: int
    created_at: datetime
    next_attempt_at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt ended: with success, or with a reason for people; `next_at` is None when there is no other."""

    at: datetime
    status: DeliveryStatus
    response_status: int | None
    error: str | None
    next_at: datetime | None


def clean_events(names: Iterable[str]) -> tuple[EventType, ...]:
    """The types of events of some names, each once. Raises InvalidInput when there are none or one is not known."""
    known = {event_type.value: event_type for event_type in EventType}
    types: dict[EventType, None] = {}
    for place, name in enumerate(names):
        if name not in known:
            message = f"There is no such event; known are {', '.join(known)}"
            raise InvalidInput(message, field=f"events[{place}]")
        types[known[name]] = None
    if not types:
        raise InvalidInput("Name at least one event", field="events")
    return tuple(types)


def parse_secret(text: str) -> bytes:
    """The bytes of a secret as it is written. Raises InvalidInput."""
    problem = InvalidInput(
        f"A secret is {_PREFIX} and the base64 of {_SECRET_BYTES[0]} to {_SECRET_BYTES[-1]} bytes", field="secret"
    )
    if not text.startswith(_PREFIX):
        raise problem
    try:
        secret = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:  # the latter for what is not ASCII
        raise problem from error
    if len(secret) not in _SECRET_BYTES:
        raise problem
    return secret


def make_secret() -> bytes:
    """A new secret."""
    return secrets.token_bytes(_MADE_BYTES)


def write_secret(secret: bytes) -> str:
    """A secret as it is shown, once."""
    return _PREFIX + base64.b64encode(secret).decode("ascii")


def signature(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a message by the Standard Webhooks specification, symmetric version 1."""
    signed = b"%s.%d.%s" % (message_id.encode("ascii"), timestamp, body)
    digest = hmac.digest(secret, signed, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode("ascii")


def next_attempt(
    attempts: int, created_at: datetime, now: datetime, *, first_pause: timedelta, jitter: float, asked: timedelta
) -> datetime | None:
    """When to try again after so many attempts (the last just now); None when it has been tried for long enough.

    Pauses grow from the first by a factor of four up to four hours. `jitter` (0 to 1) makes them up to a fifth longer, and a
    receiver may have `asked` for a longer one. The last attempt is at the end of the time.
    """
    end = created_at + TRIED_FOR
    if now >= end:
        return None
    pause = min(_LONGEST_PAUSE, first_pause * 4.0 ** min(attempts - 1, _MOST_GROWTH)) * (1 + jitter / 5)
    return min(end, now + max(pause, min(asked, _LONGEST_PAUSE)))
