"""Credits between wire and domain."""

from __future__ import annotations

from collections.abc import Sequence

from calotype.domain.credit import CreditUsage, LedgerEntry
from calotype.domain.listing import Window
from calotype.web.apis.analysis.wire import credit as wire


def credits_to_wire(usage: CreditUsage) -> wire.Credits:
    """What a tenant has and has used."""
    return wire.Credits(balance=usage.account.balance, unlimited=usage.account.is_unlimited, used30d=usage.used_30d)


def ledger_to_wire(entries: Sequence[LedgerEntry], total: int, window: Window) -> wire.Ledger:
    """A part of the ledger."""
    return wire.Ledger(
        entries=[_entry_to_wire(entry) for entry in entries], total=total, limit=window.limit, offset=window.offset
    )


def _entry_to_wire(entry: LedgerEntry) -> wire.LedgerEntry:
    return wire.LedgerEntry(
        id=f"entry_{entry.number:06d}",
        kind=entry.kind.value,
        amount=entry.amount,
        balance_after=entry.balance_after,
        session_id=entry.session_id,
        image_id=entry.image_id,
        created_at=entry.created_at,
    )
