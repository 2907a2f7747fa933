"""Credits: taking them for work that is asked for, keeping or returning them when it has ended, and showing them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from calotype.db.credit import (
    count_captured,
    count_entries,
    select_account,
    select_entries,
    update_unlimited,
    write_changes,
)
from calotype.db.engine import Connection, Database
from calotype.domain.credit import MOST_CREDITS, Account, Change, CreditUsage, EntryKind, LedgerEntry, Occasion
from calotype.domain.errors import InsufficientCredits, InvalidInput
from calotype.domain.listing import Window
from calotype.domain.scope import Scope

_USED_WITHIN = timedelta(days=30)


class CreditService:
    """One credit an image; the balance of a tenant is always the sum of its ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def usage(self, scope: Scope) -> CreditUsage:
        """What a tenant has, and what it has used lately."""
        async with self._database.snapshot() as connection:
            account = await select_account(connection, scope)
            return CreditUsage(account, await count_captured(connection, scope, datetime.now(UTC) - _USED_WITHIN))

    async def ledger(self, scope: Scope, window: Window) -> tuple[list[LedgerEntry], int]:
        """A window of a tenant's ledger, newest first, and how many entries there are."""
        async with self._database.snapshot() as connection:
            return await select_entries(connection, scope, window), await count_entries(connection, scope)

    async def grant(self, scope: Scope, amount: int) -> Account:
        """Give a tenant credits, or take some back that it has not used. Raises InvalidInput."""
        if not amount:
            raise InvalidInput("a grant is of at least one credit", field="amount")
        async with self._database.write() as connection:
            account = await select_account(connection, scope, lock=True)
            if not 0 <= account.balance + amount <= MOST_CREDITS:
                raise InvalidInput(
                    f"the balance, {account.balance} now, must stay between 0 and {MOST_CREDITS}", field="amount"
                )
            return await write_changes(connection, scope, [Change(EntryKind.GRANT, amount)], Occasion())

    async def set_unlimited(self, scope: Scope, *, is_unlimited: bool) -> Account:
        """Let a tenant use as many credits as it likes, or no more than it has."""
        async with self._database.write() as connection:
            await update_unlimited(connection, scope, is_unlimited=is_unlimited)
            return await select_account(connection, scope)


async def reserve(connection: Connection, scope: Scope, image_ids: Sequence[str], occasion: Occasion) -> int:
    """Take a credit for each image; returns what was taken for each: 1, or 0 of a tenant without limit.

    Raises InsufficientCredits, with `required` and `available`, when there are too few for all.
    """
    account = await select_account(connection, scope, lock=True)
    if not account.is_unlimited and account.balance < len(image_ids):
        raise InsufficientCredits(
            f"This takes {len(image_ids)} credits, and {account.balance} are left",
            required=len(image_ids),
            available=account.balance,
        )
    taken = 0 if account.is_unlimited else 1
    changes = [Change(EntryKind.RESERVE, -taken, image_id) for image_id in image_ids]
    await write_changes(connection, scope, changes, occasion)
    return taken
