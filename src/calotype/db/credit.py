"""Rows of credit accounts and their ledgers; a balance changes only together with an entry."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, func, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.scoped import of_tenant
from calotype.domain.credit import Account, Change, EntryKind, LedgerEntry, Occasion
from calotype.domain.errors import NotFound
from calotype.domain.listing import Window
from calotype.domain.scope import Scope

_A = tables.credit_account
_E = tables.credit_entry

# No parameter: with one the planner could not tell that the index of captures serves.
_IS_CAPTURE = _E.c.kind == literal_column(f"'{EntryKind.CAPTURE.value}'")
_LOCK = (
    select(_A.c.balance, _A.c.is_unlimited, _A.c.entries)
    .where(_A.c.tenant_id == bindparam("tenant_id"))
    .with_for_update()
)
_CHANGE = text("UPDATE credit_account SET balance = :balance, entries = :entries WHERE tenant_id = :tenant_id")
_WRITE = text(
    "INSERT INTO credit_entry "
    "(tenant_id, number, kind, amount, balance_after, session_id, image_id, request_id, created_at) "
    "SELECT :tenant_id, e.number, e.kind, e.amount, e.balance_after, :session_id, e.image_id, :request_id, clock_timestamp() "
    "FROM unnest(CAST(:numbers AS bigint[]), CAST(:kinds AS text[]), CAST(:amounts AS bigint[]), "
    "CAST(:balances AS bigint[]), CAST(:images AS text[])) AS e (number, kind, amount, balance_after, image_id)"
)


async def insert_account(connection: AsyncConnection, scope: Scope, *, is_unlimited: bool) -> None:
    """Open a tenant's account, with nothing in it; one that is open stays as it is."""
    await connection.execute(
        insert(_A)
        .values(tenant_id=scope.tenant_id, balance=0, is_unlimited=is_unlimited, entries=0)
        .on_conflict_do_nothing()
    )


async def select_account(connection: AsyncConnection, scope: Scope, *, lock: bool = False) -> Account:
    """A tenant's account; with `lock` nobody else changes it until the transaction ends. Raises NotFound."""
    query = select(_A.c.balance, _A.c.is_unlimited).where(of_tenant(scope, _A))
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise NotFound("the tenant has no credit account")
    return Account(*row)


async def update_unlimited(connection: AsyncConnection, scope: Scope, *, is_unlimited: bool) -> None:
    """Say whether a tenant may use as many credits as it likes; its balance stays."""
    await connection.execute(update(_A).where(of_tenant(scope, _A)).values(is_unlimited=is_unlimited))


async def write_changes(
    connection: AsyncConnection, scope: Scope, changes: Sequence[Change], occasion: Occasion
) -> Account:
    """Change a balance and write down each change, as numbered entries in the order of their commits, and of their times.

    The account is locked until the transaction ends. A balance that would fall below zero is refused by the database, so the
    caller looks first. Raises NotFound.
    """
    row = (await connection.execute(_LOCK, {"tenant_id": scope.tenant_id})).one_or_none()
    if row is None:
        raise NotFound("the tenant has no credit account")
    if not changes:
        return Account(row.balance, row.is_unlimited)
    balances = list(itertools.accumulate((change.amount for change in changes), initial=row.balance))[1:]
    first = row.entries + 1
    await connection.execute(
        _CHANGE,
        {"tenant_id": scope.tenant_id, "balance": balances[-1], "entries": row.entries + len(changes)},
    )
    await connection.execute(
        _WRITE,
        {
            "tenant_id": scope.tenant_id,
            "session_id": occasion.session_id,
            "request_id": occasion.request_id,
            "numbers": list(range(first, first + len(changes))),
            "kinds": [change.kind.value for change in changes],
            "amounts": [change.amount for change in changes],
            "balances": balances,
            "images": [change.image_id for change in changes],
        },
    )
    return Account(balances[-1], row.is_unlimited)


async def select_entries(connection: AsyncConnection, scope: Scope, window: Window) -> list[LedgerEntry]:
    """A window of a tenant's ledger, newest first."""
    query = (
        select(
            _E.c.number,
            _E.c.kind,
            _E.c.amount,
            _E.c.balance_after,
            _E.c.session_id,
            _E.c.image_id,
            _E.c.created_at,
        )
        .where(of_tenant(scope, _E))
        .order_by(_E.c.number.desc())
        .limit(window.limit)
        .offset(window.offset)
    )
    return [LedgerEntry(row[0], EntryKind(row[1]), *row[2:]) for row in await connection.execute(query)]


async def count_entries(connection: AsyncConnection, scope: Scope) -> int:
    """How many entries a tenant's ledger has."""
    query = select(_A.c.entries).where(of_tenant(scope, _A))
    return int((await connection.execute(query)).scalar_one_or_none() or 0)


async def count_captured(connection: AsyncConnection, scope: Scope, since: datetime) -> int:
    """How many images were charged since a moment."""
    query = select(func.count()).select_from(_E).where(of_tenant(scope, _E), _IS_CAPTURE, _E.c.created_at >= since)
    return int((await connection.execute(query)).scalar_one())
