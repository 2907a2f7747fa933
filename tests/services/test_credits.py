"""Balances are the sum of their ledgers, whatever happens at the same time."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from calotype.db.credit import select_account, write_changes
from calotype.domain.credit import MOST_CREDITS, Change, EntryKind, Occasion
from calotype.domain.errors import InsufficientCredits, InvalidInput, NotFound
from calotype.domain.listing import Window
from calotype.domain.scope import Scope
from calotype.services.credit import reserve
from tests.services.analyses import check_ledger

STEPS = st.tuples(
    st.sampled_from(["grant", "reserve", "capture", "refund", "unlimited", "limited", "fail"]), st.integers(-3, 6)
)


class Tenant:
    """A tenant whose credits are changed by several at once; reservations are kept as what was taken for each."""

    def __init__(self, library):
        self.library = library
        self.database = library.services.analyses._database
        self.reserved = []
        self.refused = []

    async def change(self, step, amount):
        """One change; those that are refused change nothing."""
        scope, service = self.library.scope, self.library.services.credits
        if step == "grant":
            try:
                await service.grant(scope, amount)
            except InvalidInput:
                return
        elif step in {"unlimited", "limited"}:
            await service.set_unlimited(scope, is_unlimited=step == "unlimited")
        elif step == "reserve":
            await self.reserve(abs(amount))
        elif step == "fail":
            await self.undo(abs(amount))
        elif self.reserved:
            taken = self.reserved.pop()
            refund = step == "refund"
            change = Change(EntryKind(step), taken if refund else 0, "img_001")
            async with self.database.write() as connection:
                await write_changes(connection, scope, [change], Occasion("s", "r"))

    async def reserve(self, count):
        """Take credits for so many images, or none."""
        images = [f"img_{number:03d}" for number in range(count)]
        try:
            async with self.database.write() as connection:
                taken = await reserve(connection, self.library.scope, images, Occasion("s"))
        except InsufficientCredits as error:
            self.refused.append((count, error.context["required"], error.context["available"]))
            return
        self.reserved += [taken] * count

    async def undo(self, count):
        """Change the balance in a transaction that fails."""
        with suppress(ZeroDivisionError):
            async with self.database.write() as connection:
                changes = [Change(EntryKind.GRANT, 5)] * count
                await write_changes(connection, self.library.scope, changes, Occasion())
                raise ZeroDivisionError


@settings(max_examples=25, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.lists(st.lists(STEPS, max_size=12), min_size=1, max_size=4))
async def test_a_balance_is_always_the_sum_of_its_entries(shared, sequences):
    """However changes of several kinds race: numbers without gaps, balances that follow, never one below zero."""
    library = await shared.neighbour()
    tenant = Tenant(library)

    async def run(steps):
        for step in steps:
            await tenant.change(*step)
            check_ledger(library)

    await asyncio.gather(*(run(steps) for steps in sequences))
    assert all(wanted == required > available >= 0 for wanted, required, available in tenant.refused)
    usage = await library.services.credits.usage(library.scope)
    entries, total = await library.services.credits.ledger(library.scope, Window(1000, 0))
    assert total == len(entries)
    assert [entry.number for entry in entries] == list(range(total, 0, -1))
    assert sum(entry.amount for entry in entries) == usage.account.balance
    assert usage.used_30d == sum(entry.kind is EntryKind.CAPTURE for entry in entries)


@pytest.mark.parametrize("amount", [0, -1, MOST_CREDITS + 1, 10**30, -(10**30)])
async def test_a_grant_that_cannot_be_is_refused(library, amount):
    """Nothing, less than nothing, and more than JSON readers can count."""
    with pytest.raises(InvalidInput):
        await library.services.credits.grant(library.scope, amount)
    check_ledger(library)


async def test_the_largest_balance_is_kept_exactly(library):
    """To the last credit, up and down."""
    assert (await library.services.credits.grant(library.scope, MOST_CREDITS)).balance == MOST_CREDITS
    with pytest.raises(InvalidInput):
        await library.services.credits.grant(library.scope, 1)
    assert (await library.services.credits.grant(library.scope, -MOST_CREDITS)).balance == 0
    check_ledger(library)


async def test_what_was_used_long_ago_is_not_counted(library):
    """Only the last thirty days are."""
    async with library.services.analyses._database.write() as connection:
        changes = [Change(EntryKind.CAPTURE, 0, "img_001"), Change(EntryKind.CAPTURE, 0, "img_002")]
        await write_changes(connection, library.scope, changes, Occasion("s"))
    for number, days in ((1, 31), (2, 29)):
        library.sql(
            "UPDATE credit_entry SET created_at = now() - make_interval(days => %s) WHERE tenant_id = %s AND number = %s",
            days,
            library.scope.tenant_id,
            number,
        )
    assert (await library.services.credits.usage(library.scope)).used_30d == 1


async def test_a_tenant_without_an_account_is_not_found(library):
    """It is neither charged nor made."""
    stranger = Scope(type(library.scope.tenant_id)(int=7))
    for asking in (
        library.services.credits.usage(stranger),
        library.services.credits.grant(stranger, 5),
        library.services.credits.set_unlimited(stranger, is_unlimited=True),
    ):
        with pytest.raises(NotFound):
            await asking
    async with library.services.analyses._database.write() as connection:
        with pytest.raises(NotFound):
            await write_changes(connection, stranger, [], Occasion())
        with pytest.raises(NotFound):
            await select_account(connection, stranger)


async def test_the_ledger_of_one_tenant_is_closed_to_others(library, shared):
    """Neither entries nor balance of another tenant are seen."""
    other = await shared.neighbour()
    await library.services.credits.grant(library.scope, 7)
    assert await other.services.credits.ledger(other.scope, Window(10, 0)) == ([], 0)
    usage = await other.services.credits.usage(other.scope)
    assert (usage.account.balance, usage.account.is_unlimited) == (0, False)


async def test_windows_of_the_ledger_follow_each_other(library):
    """Newest first, nothing twice, nothing left out, and an end."""
    for amount in range(1, 8):
        await library.services.credits.grant(library.scope, amount)
    found = []
    for offset in (0, 3, 6, 9):
        entries, total = await library.services.credits.ledger(library.scope, Window(3, offset))
        assert total == 7
        found += [entry.amount for entry in entries]
    assert found == [7, 6, 5, 4, 3, 2, 1]
