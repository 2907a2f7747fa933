"""A key may make so many calls within any 24 hours, whichever process they reach."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calotype.db.engine import Database
from calotype.domain.budget import WINDOW, Budget, BudgetState
from calotype.services import budget as module
from calotype.services.budget import BudgetService

UPLOADS, SEARCHES = Budget.IMAGE_UPLOADS, Budget.IMAGE_SEARCHES
START = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)


class Clock:
    """Stands for `datetime` in the service; it goes on when a test says so."""

    def __init__(self):
        self.time = START

    def now(self, zone):
        """The time that was set."""
        assert zone is UTC
        return self.time


@pytest.fixture
def clock(monkeypatch):
    """The service's clock."""
    made = Clock()
    monkeypatch.setattr(module, "datetime", made)
    return made


@pytest.fixture
async def database(library):
    """The product's own pool over the test database."""
    opened = Database(library._database_url)
    yield opened
    await opened.aclose()


def key_of(library):
    """The id of a tenant's key."""
    return library.sql("SELECT id FROM api_key WHERE tenant_id = %s", library.scope.tenant_id)[0][0]


@pytest.fixture
def key(library):
    """The id of a new key."""
    return key_of(library)


async def test_calls_are_counted_down_until_the_oldest_is_forgotten(database, key, clock):
    """The window rolls: each call frees its own slot 24 hours after it was made, to the microsecond."""
    service = BudgetService(database, {UPLOADS: 3})
    day = int(WINDOW.total_seconds())
    states = []
    for seconds in (0, 10, 20, 30):
        clock.time = START + timedelta(seconds=seconds)
        states.append(await service.spend(key, UPLOADS))
    assert states == [
        BudgetState(True, 3, 2, day),
        BudgetState(True, 3, 1, day - 10),
        BudgetState(True, 3, 0, day - 20),
        BudgetState(False, 3, 0, day - 30),
    ]
    clock.time = START + WINDOW - timedelta(microseconds=1)
    assert await service.spend(key, UPLOADS) == BudgetState(False, 3, 0, 1)
    clock.time = START + WINDOW
    assert await service.spend(key, UPLOADS) == BudgetState(True, 3, 0, 10)
    clock.time = START + 3 * WINDOW
    assert await service.spend(key, UPLOADS) == BudgetState(True, 3, 2, day)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 4), st.lists(st.integers(0, 40_000).map(lambda seconds: timedelta(seconds=seconds)), max_size=12))
async def test_no_window_of_24_hours_ever_holds_more_than_the_limit(library, database, clock, limit, pauses):
    """Calls pass exactly when fewer than the limit passed within the day before; refused ones cost nothing."""
    neighbour = await library.neighbour()
    service, key = BudgetService(database, {SEARCHES: limit}), key_of(neighbour)
    passed = []
    for pause in pauses:
        clock.time += pause
        recent = [moment for moment in passed if moment > clock.time - WINDOW]
        state = await service.spend(key, SEARCHES)
        assert state.is_allowed == (len(recent) < limit)
        passed += [clock.time] if state.is_allowed else []
        recent += [clock.time] if state.is_allowed else []
        frees = (recent[0] if recent else clock.time) + WINDOW - clock.time
        assert (state.limit, state.remaining, state.reset) == (
            limit,
            limit - len(recent),
            max(1, frees.total_seconds()),
        )


async def test_keys_and_kinds_of_calls_have_budgets_of_their_own(library, database, key):
    """What one key, or one kind, has used takes nothing from another."""
    other = key_of(await library.neighbour())
    service = BudgetService(database, {UPLOADS: 1, SEARCHES: 1})
    spent = [(which, budget) for which in (key, other) for budget in (UPLOADS, SEARCHES)]
    assert [(await service.spend(*one)).is_allowed for one in spent] == [True] * 4
    assert [(await service.spend(*one)).is_allowed for one in spent] == [False] * 4


@pytest.mark.parametrize("limits", [{}, {UPLOADS: None}, {SEARCHES: 5}])
async def test_without_a_limit_nothing_is_counted(library, database, key, limits):
    """And nothing is written."""
    assert await BudgetService(database, limits).spend(key, UPLOADS) is None
    assert await BudgetService(database, limits).spend(UUID(int=0), UPLOADS) is None
    assert library.sql("SELECT 1 FROM budget_use WHERE api_key_id = %s", key) == []


async def test_a_limit_of_nothing_refuses_everything(library, database, key):
    """Zero is a limit, not the absence of one."""
    state = await BudgetService(database, {UPLOADS: 0}).spend(key, UPLOADS)
    assert state == BudgetState(False, 0, 0, int(WINDOW.total_seconds()))
    assert library.sql("SELECT 1 FROM budget_use WHERE api_key_id = %s", key) == []


async def test_calls_at_once_in_several_processes_never_exceed_the_budget(library, database, key):
    """Exactly as many pass as there are slots, each told of another remainder."""
    second = Database(library._database_url)
    try:
        services = [BudgetService(opened, {UPLOADS: 25}) for opened in (database, second)]
        states = await asyncio.gather(*(services[number % 2].spend(key, UPLOADS) for number in range(60)))
    finally:
        await second.aclose()
    assert sorted(state.remaining for state in states if state.is_allowed) == list(range(25))
    assert {state.remaining for state in states if not state.is_allowed} == {0}
    assert library.sql("SELECT count(*) FROM budget_use WHERE api_key_id = %s", key) == [(25,)]


async def test_a_key_takes_its_counts_along(library, database, key):
    """A key that is removed leaves nothing behind."""
    await BudgetService(database, {UPLOADS: 1}).spend(key, UPLOADS)
    library.sql("DELETE FROM api_key WHERE id = %s", key)
    assert library.sql("SELECT 1 FROM budget_use WHERE api_key_id = %s", key) == []
