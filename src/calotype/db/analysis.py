"""Rows of analyses and of the images in them; what their clients are told is read from them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, false, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.scoped import of_tenant, within
from calotype.domain.analysis import (
    Analysis,
    AnalysisEvent,
    AnalysisItem,
    Begun,
    Complete,
    Failed,
    Failure,
    FailureCode,
    ItemEnd,
    ItemState,
    NewAnalysis,
    Result,
    outcome_of,
)
from calotype.domain.asset import State
from calotype.domain.descriptive_metadata import DescriptiveMetadata
from calotype.domain.scope import Scope

CHANNEL = "calotype_analysis"
"""Where the id of every analysis is notified of which there is something new to tell."""

_N = tables.analysis
_I = tables.analysis_item
_A = tables.asset

_NOTIFY = text(f"SELECT pg_notify('{CHANNEL}', :payload)")
_ANALYSIS: tuple[ColumnElement[Any], ...] = (
    _N.c.id,
    _N.c.tenant_id,
    _N.c.session_id,
    _N.c.request_id,
    _N.c.total,
    _N.c.begun,
    _N.c.ended,
    _N.c.failed,
    _N.c.charged,
    _N.c.events,
    _N.c.watched_by,
    # By the clock on the wall: a transaction that waited for the lock must not judge by when it began.
    func.coalesce(_N.c.watched_until <= func.clock_timestamp(), false()).label("is_lapsed"),
    _N.c.watched_until.is_(None).label("is_watched"),
    _N.c.worked_by,
    _N.c.epoch,
    _N.c.is_suspended,
    _N.c.ended_at,
    _N.c.credits_remaining,
)
_ITEM: tuple[ColumnElement[Any], ...] = (
    _I.c.place,
    _I.c.image_id,
    _I.c.asset_id,
    _I.c.state,
    _I.c.credits,
    _I.c.attempts,
    _I.c.begun_event.is_not(None).label("is_told"),
    _I.c.fault,
)

# Asked over and over while an analysis runs, so built once.
_ONE = select(*_ANALYSIS).where(_N.c.tenant_id == bindparam("tenant_id"), _N.c.id == bindparam("id"))
_ONE_LOCKED = _ONE.with_for_update()
_ITEMS = (
    select(*_ITEM)
    .where(
        _I.c.tenant_id == bindparam("tenant_id"),
        _I.c.analysis_id == bindparam("analysis_id"),
        _I.c.state.in_(bindparam("states", expanding=True)),
    )
    .order_by(_I.c.place)
)
_INSERT_ITEMS = text(
    "INSERT INTO analysis_item (analysis_id, place, tenant_id, image_id, asset_id, fault, state, attempts) "
    "SELECT :analysis_id, i.place - 1, :tenant_id, i.image_id, i.asset_id, i.fault, 'waiting', 0 "
    "FROM unnest(CAST(:image_ids AS text[]), CAST(:asset_ids AS uuid[]), CAST(:faults AS text[])) "
    "WITH ORDINALITY AS i (image_id, asset_id, fault, place)"
)
_BEGIN_ITEMS = text(
    "UPDATE analysis_item AS i SET state = 'analyzing', attempts = attempts + 1, "
    "begun_event = coalesce(i.begun_event, n.event), position = coalesce(i.position, n.position) "
    "FROM unnest(CAST(:places AS smallint[]), CAST(:events AS smallint[]), CAST(:positions AS smallint[])) "
    "AS n (place, event, position) "
    "WHERE i.tenant_id = :tenant_id AND i.analysis_id = :analysis_id AND i.place = n.place"
)
_END_ITEMS = text(
    "UPDATE analysis_item AS i SET state = n.state, credits = NULL, ended_event = n.event, metadata = n.metadata, "
    "error = n.error, error_code = n.error_code "
    "FROM unnest(CAST(:places AS smallint[]), CAST(:events AS smallint[]), CAST(:states AS text[]), "
    "CAST(:metadata AS text[]), CAST(:errors AS text[]), CAST(:error_codes AS text[])) "
    "AS n (place, event, state, metadata, error, error_code) "
    "WHERE i.tenant_id = :tenant_id AND i.analysis_id = :analysis_id AND i.place = n.place"
)


async def insert_analysis(connection: AsyncConnection, scope: Scope, new: NewAnalysis) -> None:
    """Begin an analysis that is watched."""
    await connection.execute(
        _N.insert().values(
            id=new.id,
            tenant_id=scope.tenant_id,
            session_id=new.session_id,
            request_id=new.request_id,
            total=len(new.images),
            begun=0,
            ended=0,
            failed=0,
            charged=0,
            events=0,
            watched_by=new.watched_by,
            epoch=0,
            is_suspended=False,
            created_at=func.now(),
        )
    )
    await connection.execute(
        _INSERT_ITEMS,
        {
            "analysis_id": new.id,
            "tenant_id": scope.tenant_id,
            "image_ids": [image.id for image in new.images],
            "asset_ids": [image.asset_id for image in new.images],
            "faults": [image.fault for image in new.images],
        },
    )


async def select_analysis(
    connection: AsyncConnection, scope: Scope, analysis_id: UUID, *, lock: bool = False
) -> Analysis | None:
    """An analysis; with `lock` nobody else changes it, or its items, until the transaction ends."""
    query = _ONE_LOCKED if lock else _ONE
    row = (await connection.execute(query, {"tenant_id": scope.tenant_id, "id": analysis_id})).one_or_none()
    return Analysis(*row) if row else None


async def select_open_of_session(connection: AsyncConnection, scope: Scope, session_id: str) -> list[UUID]:
    """The analyses of a session that have not ended, by id."""
    query = (
        select(_N.c.id)
        .where(of_tenant(scope, _N), _N.c.session_id == session_id, _N.c.ended_at.is_(None))
        .order_by(_N.c.id)
    )
    return list((await connection.execute(query)).scalars())


async def select_open(connection: AsyncConnection) -> list[Analysis]:
    """All analyses that have not ended, by id."""
    query = select(*_ANALYSIS).where(_N.c.ended_at.is_(None)).order_by(_N.c.id)
    return [Analysis(*row) for row in await connection.execute(query)]


async def update_analysis(
    connection: AsyncConnection, scope: Scope, analysis_id: UUID, values: Mapping[str, Any]
) -> None:
    """Set columns of an analysis whose lock is held."""
    query = update(_N).where(of_tenant(scope, _N), _N.c.id == analysis_id)
    await connection.execute(query.values(**values))


async def update_left_by(connection: AsyncConnection, watched_by: int, still: Collection[UUID], grace: float) -> int:
    """Note that the clients of all analyses a process watched are gone, but for some; each may come back within `grace` seconds.

    Returns how many.
    """
    left = (
        select(_N.c.id)
        .where(
            _N.c.ended_at.is_(None),
            _N.c.watched_by == watched_by,
            _N.c.watched_until.is_(None),
            _N.c.id.not_in(still),
        )
        # In the order of their ids, as everybody locks several.
        .order_by(_N.c.id)
        .with_for_update()
    )
    query = update(_N).where(_N.c.id.in_(left))
    seconds = timedelta(seconds=grace)
    return (await connection.execute(query.values(watched_until=func.clock_timestamp() + seconds))).rowcount


async def update_left_alone(connection: AsyncConnection, scope: Scope, analysis_id: UUID, grace: float) -> None:
    """Note that the client of a locked analysis is gone, and may come back within `grace` seconds."""
    query = update(_N).where(of_tenant(scope, _N), _N.c.id == analysis_id)
    await connection.execute(query.values(watched_until=func.clock_timestamp() + timedelta(seconds=grace)))


async def select_items(
    connection: AsyncConnection, scope: Scope, analysis_id: UUID, states: Collection[ItemState] = tuple(ItemState)
) -> list[AnalysisItem]:
    """The images of an analysis in one of some states, in the order asked for."""
    wanted = {"tenant_id": scope.tenant_id, "analysis_id": analysis_id, "states": [state.value for state in states]}
    return [_item(row) for row in await connection.execute(_ITEMS, wanted)]


async def select_ready_items(
    connection: AsyncConnection, scope: Scope, analysis_id: UUID, limit: int
) -> list[AnalysisItem]:
    """The next waiting images of an analysis whose pictures are developed, could not be, or are gone."""
    still_developing = and_(
        _A.c.id == _I.c.asset_id,
        within(scope),
        _A.c.variant_status.in_([State.PENDING.value, State.PROCESSING.value]),
    )
    query = (
        select(*_ITEM)
        .where(
            of_tenant(scope, _I),
            _I.c.analysis_id == analysis_id,
            _I.c.state == ItemState.WAITING.value,
            ~select(_A.c.id).where(still_developing).exists(),
        )
        .order_by(_I.c.place)
        .limit(limit)
    )
    return [_item(row) for row in await connection.execute(query)]


async def begin_items(
    connection: AsyncConnection,
    scope: Scope,
    analysis_id: UUID,
    begun: Sequence[tuple[AnalysisItem, int | None, int | None]],
) -> None:
    """Mark images as being analysed, each with the number of its event and its position, or None where it has these already."""
    await connection.execute(
        _BEGIN_ITEMS,
        {
            "tenant_id": scope.tenant_id,
            "analysis_id": analysis_id,
            "places": [item.place for item, _, _ in begun],
            "events": [event for _, event, _ in begun],
            "positions": [position for _, _, position in begun],
        },
    )


async def end_items(
    connection: AsyncConnection, scope: Scope, analysis_id: UUID, ends: Sequence[tuple[ItemEnd, int]]
) -> None:
    """Write down how images ended, each with the number of its event; nothing is reserved for them any more."""
    made = [None if isinstance(end.ended, Failure) else json.dumps(asdict(end.ended)) for end, _ in ends]
    failures = [end.ended if isinstance(end.ended, Failure) else None for end, _ in ends]
    await connection.execute(
        _END_ITEMS,
        {
            "tenant_id": scope.tenant_id,
            "analysis_id": analysis_id,
            "places": [end.item.place for end, _ in ends],
            "events": [event for _, event in ends],
            "states": [(ItemState.FAILED if failure else ItemState.COMPLETED).value for failure in failures],
            "metadata": made,
            "errors": [failure.message if failure else None for failure in failures],
            "error_codes": [failure.code.value if failure else None for failure in failures],
        },
    )


async def return_items(connection: AsyncConnection, scope: Scope, analysis_id: UUID, *, uncount: bool = False) -> int:
    """Let images wait again whose worker is gone; with `uncount` it was stopped in order, which is not counted as an attempt."""
    query = update(_I).where(
        of_tenant(scope, _I), _I.c.analysis_id == analysis_id, _I.c.state == ItemState.ANALYZING.value
    )
    values: dict[str, Any] = {"state": ItemState.WAITING.value}
    if uncount:
        values["attempts"] = _I.c.attempts - 1
    return (await connection.execute(query.values(**values))).rowcount


async def update_reserved(
    connection: AsyncConnection, scope: Scope, analysis_id: UUID, places: Collection[int], credits_each: int | None
) -> None:
    """Note what is reserved for each of some images now, None for nothing."""
    query = update(_I).where(of_tenant(scope, _I), _I.c.analysis_id == analysis_id, _I.c.place.in_(places))
    await connection.execute(query.values(credits=credits_each))


async def select_events(
    connection: AsyncConnection, scope: Scope, analysis: Analysis, after: int
) -> list[AnalysisEvent]:
    """What is to be told of an analysis after the event of a number, in order.

    `analysis` may be a little older than what is found; then its end is not among it yet.
    """
    rows = await connection.execute(_NEWER, {"tenant_id": scope.tenant_id, "analysis_id": analysis.id, "after": after})
    events = [event for row in rows for event in _events_of(row, analysis.total) if event.number > after]
    if analysis.ended_at is not None and analysis.events > after:
        events.append(AnalysisEvent(analysis.events, _complete(analysis)))
    return sorted(events, key=lambda event: event.number)


async def notify_analysis(connection: AsyncConnection, analysis_id: UUID) -> None:
    """Wake those who tell of an analysis, once the transaction has committed."""
    await connection.execute(_NOTIFY, {"payload": str(analysis_id)})


_NEWER: Select[Any] = select(
    _I.c.image_id,
    _I.c.position,
    _I.c.begun_event,
    _I.c.ended_event,
    _I.c.metadata,
    _I.c.error,
    _I.c.error_code,
).where(
    _I.c.tenant_id == bindparam("tenant_id"),
    _I.c.analysis_id == bindparam("analysis_id"),
    or_(_I.c.begun_event > bindparam("after"), _I.c.ended_event > bindparam("after")),
)


def _item(row: Row[Any]) -> AnalysisItem:
    state = ItemState(row.state)
    return AnalysisItem(row.place, row.image_id, row.asset_id, state, row.credits, row.attempts, row.is_told, row.fault)


def _events_of(row: Row[Any], total: int) -> list[AnalysisEvent]:
    events = [AnalysisEvent(row.begun_event, Begun(row.image_id, row.position, total))]
    if row.ended_event is None:
        return events
    told: Result | Failed
    if row.metadata is None:
        told = Failed(row.image_id, Failure(FailureCode(row.error_code), row.error))
    else:
        values = json.loads(row.metadata)
        told = Result(row.image_id, DescriptiveMetadata(**{**values, "tags": tuple(values["tags"])}))
    return [*events, AnalysisEvent(row.ended_event, told)]


def _complete(analysis: Analysis) -> Complete:
    return Complete(
        outcome_of(analysis.total, analysis.failed),
        analysis.ended,
        analysis.failed,
        analysis.total,
        analysis.charged,
        analysis.credits_remaining,
    )
