"""Credits and their ledger."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from calotype.web.apis.analysis.wire.values import CamelWire, WireMoment
from calotype.web.shared.wire_values import WireInt


class Credits(CamelWire):
    """What there is, and how many images were charged in the last 30 days."""

    balance: int
    unlimited: bool
    used30d: Annotated[int, Field(alias="used30d")]


class LedgerQuery(CamelWire):
    """Which part of the ledger."""

    limit: Annotated[WireInt, Field(ge=1, le=100)] = 20
    offset: Annotated[WireInt, Field(ge=0)] = 0


class LedgerEntry(CamelWire):
    """One change of the balance; `amount` is signed."""

    id: str
    kind: Literal["grant", "reserve", "capture", "refund"]
    amount: int
    balance_after: int
    session_id: str | None
    image_id: str | None
    created_at: WireMoment


class Ledger(CamelWire):
    """That part of the ledger, newest first."""

    entries: list[LedgerEntry]
    total: int
    limit: int
    offset: int
