"""How images of an analysis end: what is told, what is charged or given back, and with the last one the analysis itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from calotype.db.analysis import (
    begin_items,
    end_items,
    notify_analysis,
    select_items,
    update_analysis,
    update_reserved,
)
from calotype.db.credit import write_changes
from calotype.db.engine import Connection
from calotype.domain.analysis import Analysis, AnalysisItem, Failure, FailureCode, ItemEnd, ItemState
from calotype.domain.credit import Change, EntryKind, Occasion
from calotype.domain.scope import Scope

CANCELLED = Failure(FailureCode.CANCELLED, "The analysis was cancelled before this image was begun")


async def begin(connection: Connection, analysis: Analysis, items: Sequence[AnalysisItem]) -> Analysis:
    """Have images begin, and tell of those of which that was not told before; `analysis` is locked. Returns it as it is then."""
    event, position = analysis.events, analysis.begun
    begun: list[tuple[AnalysisItem, int | None, int | None]] = []
    for item in items:
        if item.is_told:
            begun.append((item, None, None))
            continue
        event, position = event + 1, position + 1
        begun.append((item, event, position))
    scope = Scope(analysis.tenant_id)
    await begin_items(connection, scope, analysis.id, begun)
    await update_analysis(connection, scope, analysis.id, {"events": event, "begun": position})
    await notify_analysis(connection, analysis.id)
    return replace(analysis, events=event, begun=position)


async def end(connection: Connection, analysis: Analysis, ends: Sequence[ItemEnd]) -> Analysis:
    """Write down how images ended, in the order they are told of; `analysis` is locked. Returns it as it is then.

    A result is charged, for anything else what was reserved is given back; the last image ends the analysis. Assets that the same
    transaction changes are locked before: the account, which this locks, comes last.
    """
    if not ends:
        return analysis
    scope, now = Scope(analysis.tenant_id), datetime.now(UTC)
    if untold := [end.item for end in ends if not end.item.is_told]:
        analysis = await begin(connection, analysis, untold)
    numbered = [(end, analysis.events + place) for place, end in enumerate(ends, 1)]
    await end_items(connection, scope, analysis.id, numbered)
    changes = [change for end in ends if (change := _change(end)) is not None]
    account = await write_changes(connection, scope, changes, occasion_of(analysis))
    failed = sum(end.is_failure for end in ends)
    analysis = replace(
        analysis,
        events=analysis.events + len(ends),
        ended=analysis.ended + len(ends),
        failed=analysis.failed + failed,
        charged=analysis.charged + len(ends) - failed,
    )
    if analysis.ended == analysis.total:
        analysis = replace(
            analysis,
            events=analysis.events + 1,
            ended_at=now,
            worked_by=None,
            is_suspended=False,
            credits_remaining=account.remaining,
        )
    names = ("events", "ended", "failed", "charged", "ended_at", "worked_by", "is_suspended", "credits_remaining")
    await update_analysis(connection, scope, analysis.id, {name: getattr(analysis, name) for name in names})
    await notify_analysis(connection, analysis.id)
    return analysis


async def end_waiting(connection: Connection, analysis: Analysis, failure: Failure) -> Analysis:
    """End all images of a locked analysis that nobody works on."""
    items = await select_items(connection, Scope(analysis.tenant_id), analysis.id, (ItemState.WAITING,))
    return await end(connection, analysis, [ItemEnd(item, failure) for item in items])


async def suspend(connection: Connection, analysis: Analysis) -> None:
    """Give back what is reserved for the rest of a locked analysis on which nobody works, until its client is back."""
    scope = Scope(analysis.tenant_id)
    items = await select_items(connection, scope, analysis.id, (ItemState.WAITING,))
    refunds = [Change(EntryKind.REFUND, item.credits, item.image_id) for item in items if item.credits is not None]
    await update_reserved(connection, scope, analysis.id, [item.place for item in items], None)
    await update_analysis(connection, scope, analysis.id, {"is_suspended": True})
    await write_changes(connection, scope, refunds, occasion_of(analysis))


def occasion_of(analysis: Analysis) -> Occasion:
    """What changes of a balance are for that an analysis brings about."""
    return Occasion(analysis.session_id, analysis.request_id)


def _change(end: ItemEnd) -> Change | None:
    if end.item.credits is None:
        return None
    if end.is_failure:
        return Change(EntryKind.REFUND, end.item.credits, end.item.image_id)
    return Change(EntryKind.CAPTURE, 0, end.item.image_id)
