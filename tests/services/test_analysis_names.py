"""File names that are suggested are unique in their session, whoever describes its images, and however often."""

from __future__ import annotations

import asyncio

import pytest

from calotype.services import analysis_work
from tests.services.analyses import GOOD, saying
from tests.services.batches import until


async def test_names_are_unique_over_analyses_that_run_side_by_side(desk, beside, describer):
    """Two workers, two analyses of one session, one name suggested for everything: each image gets its own."""
    session_id = await desk.session()
    describer.holds = True
    analyses = [await desk.start(session_id, [0, 1]), await desk.start(session_id, [2, 3])]
    running = [desk.run(analyses[0]), beside.run(analyses[1])]
    await desk.until_held(4)
    describer.let_all()
    await asyncio.gather(*running)
    names = desk.filenames(analyses[0]) + desk.filenames(analyses[1])
    assert sorted(names) == ["pier", "pier-2", "pier-3", "pier-4"]
    stored = desk.sql("SELECT filename FROM analysis_image WHERE session_id = %s ORDER BY filename", session_id)
    assert [row[0] for row in stored] == sorted(names)


async def test_names_are_unique_among_results_that_are_stored_together(desk, describer):
    """Those that arrive while another one is stored."""
    describer.holds = True
    session_id = await desk.session()
    analysis_id = await desk.start(session_id)
    running = desk.run(analysis_id)
    await desk.until_held(4)
    async with desk.services.analyses._database.write() as connection:
        await analysis_work.lock_session(connection, desk.scope, session_id)
        describer.let_all()
        await until(lambda: desk.services.analysis_work._slots._free == 4)
    await running
    assert sorted(desk.filenames(analysis_id)) == ["pier", "pier-2", "pier-3", "pier-4"]


@pytest.mark.parametrize("name", ["n" * 60, "a-" * 29 + "bc", "ab-" * 10 + "c" * 29])
async def test_long_names_stay_unique(desk, describer, name):
    """A number behind them takes the place of their end, and they are found again by their beginning."""
    describer.answers = dict.fromkeys(range(4), saying(filename=name))
    session_id = await desk.session()
    first = await desk.start(session_id, [0, 1])
    await desk.work(first)
    second = await desk.start(session_id, [2, 3])
    await desk.work(second)
    names = desk.filenames(first) + desk.filenames(second)
    assert len(set(names)) == 4
    assert max(map(len, names)) <= 60
    assert not any("--" in one or one.endswith("-") for one in names)


async def test_an_image_is_analysed_again(desk, describer):
    """It is charged again, may keep its name or take another, and never takes that of its neighbour."""
    session_id = await desk.session([0, 1])
    first = await desk.start(session_id)
    assert sum(1 for _ in desk.filenames(first)) == 2
    await desk.services.analysis_work.run(desk.scope, first)
    names = desk.filenames(first)
    assert sorted(names) == ["pier", "pier-2"]
    second = await desk.start(session_id)
    await desk.services.analysis_work.run(desk.scope, second)
    assert desk.filenames(second) == names
    taken = names[1]
    describer.answers = {0: saying(filename=taken), 1: saying(filename="other")}
    for images, expected in (([0], [f"{taken}-2"]), ([1], ["other"]), ([0], [taken])):
        again = await desk.start(session_id, images)
        await desk.services.analysis_work.run(desk.scope, again)
        assert desk.filenames(again) == expected
    assert desk.balance == 100 - 7
    asset = await desk.library.asset(desk.assets[0])
    assert asset.description == GOOD.description
