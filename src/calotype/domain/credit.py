"""Credits: what a tenant has, and the ledger of every change."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

MOST_CREDITS = 2**53 - 1
"""The largest balance, which every JSON reader still gets exactly."""


class EntryKind(enum.StrEnum):
    """Why a ledger has an entry.

    `reserve` takes a credit when work is asked for, `capture` (of 0) keeps it when the work is done, `refund` gives it back.
    """

    GRANT = "grant"
    RESERVE = "reserve"
    CAPTURE = "capture"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Account:
    """What a tenant has: `balance` in credits, which says nothing where it `is_unlimited`."""

    balance: int
    is_unlimited: bool

    @property
    def remaining(self) -> int | None:
        """The balance, None without a limit."""
        return None if self.is_unlimited else self.balance


@dataclass(frozen=True, slots=True)
class CreditUsage:
    """An account, and the images that were charged in the last 30 days, of unlimited tenants too."""

    account: Account
    used_30d: int


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a balance by `amount` credits, and the image it is for."""

    kind: EntryKind
    amount: int
    image_id: str | None = None


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a change of a balance belongs to: a session and the request that asked for it."""

    session_id: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One change as it is written down; `number` counts a tenant's entries from 1 on."""

    number: int
    kind: EntryKind
    amount: int
    balance_after: int
    session_id: str | None
    image_id: str | None
    created_at: datetime
