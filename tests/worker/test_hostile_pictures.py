"""A picture that crashes, hangs or bloats its decoder fails by itself, with a reason, and nothing else is lost."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from pathlib import Path

import hostile_decoder
import pytest

from calotype.domain.asset import OperationType, State
from calotype.domain.color import ExtractionState
from calotype.domain.errors import NotReady
from calotype.services import color, picture
from calotype.worker.run import run_worker
from tests.running import PATIENCE
from tests.services.library import library as open_library
from tests.services.library import photo


@asynccontextmanager
async def working(services):
    """A worker in this process, as `calotype worker` runs it."""
    stop = asyncio.Event()
    running = asyncio.create_task(run_worker(services, stop))
    try:
        yield running
    finally:
        stop.set()
        await running


async def becomes(question, otherwise):
    """Ask until the answer is true-like, or fail with `otherwise`; the worker goes on meanwhile."""
    deadline = time.monotonic() + PATIENCE
    while not question():
        assert time.monotonic() < deadline, otherwise
        await asyncio.sleep(0.02)


async def ended(library, asset_ids):
    """Wait until no work on the given files is left; returns them."""
    states = (
        "SELECT 1 FROM asset WHERE id = ANY(%s) AND "
        "(variant_status IN ('pending', 'processing') OR description_status IN ('pending', 'processing'))"
    )
    await becomes(lambda: not library.sql(states, asset_ids), "some work never ended")
    return [await library.asset(asset_id) for asset_id in asset_ids]


@pytest.fixture
async def library(own_database, tmp_path, monkeypatch):
    """A library whose decoders do what a picture asks them to."""
    monkeypatch.setattr(picture, "develop", hostile_decoder.develop_badly)
    limits = {"decode_timeout": 4, "decode_memory_mb": 1024, "worker_processes": 2, "upkeep_interval": 1}
    async with open_library(own_database, tmp_path, **limits) as made:
        yield made


def attempts(library, asset):
    """The processes that tried a picture."""
    path = library._objects / asset.object_key
    return Path(f"{path}.attempts").read_text(encoding="ascii").split()


async def test_pictures_that_attack_their_decoder_fail_with_a_reason_and_the_others_are_finished(library):
    """After three attempts in three processes each says what it did; good ones uploaded among them are complete."""
    words = [hostile_decoder.CRASH, hostile_decoder.HANG, hostile_decoder.EAT, hostile_decoder.VANISH]
    bad, good = [], []
    for word in words:
        bad.append(await library.take_in(photo() + word))
        good.append(await library.take_in())

    async with working(library.services):
        assets = await ended(library, bad + good)

    failed, finished = assets[: len(bad)], assets[len(bad) :]
    reasons = [asset.variant_error for asset in failed]
    assert [asset.variant_status for asset in failed] == [State.FAILED] * len(bad)
    for reason, expected in zip(reasons, ("SIGSEGV", "longer than 4 s", "memory", "SIGKILL"), strict=True):
        assert expected in reason
        assert "3 attempts" in reason
        assert "Traceback" not in reason
        assert "\n" not in reason
    assert [asset.description_status for asset in failed] == [State.FAILED] * len(bad)
    for asset in failed:
        assert len(set(attempts(library, asset))) == len(attempts(library, asset)) == 3
    assert {(asset.variant_status, asset.description_status) for asset in finished} == {
        (State.COMPLETED, State.COMPLETED)
    }
    assert all(len(asset.variants) == 5 for asset in finished)
    assert library.sql("SELECT status FROM procrastinate_jobs") == []


async def test_a_failed_picture_keeps_its_original_and_shows_in_its_history_why_it_failed(library):
    """Nothing is hidden in a log: the steps are failed with the reason, variants do not exist, the bytes are all there."""
    data = photo() + hostile_decoder.CRASH
    asset_id = await library.take_in(data)

    async with working(library.services):
        (asset,) = await ended(library, [asset_id])

    detail = await library.services.assets.detail(library.scope, str(asset_id))
    steps = {step.type: step for step in detail.operations}
    assert steps[OperationType.UPLOAD].status is State.COMPLETED
    for kind in (OperationType.VARIANTS, OperationType.DESCRIBE):
        assert steps[kind].status is State.FAILED
        assert steps[kind].completed_at is not None
        assert steps[kind].error_message == asset.variant_error
    assert asset.variants == {}
    assert await library.services.trash._store.get(asset.object_key) == data


async def test_a_failed_picture_can_be_tried_again_and_then_succeeds(library, own_database, tmp_path, monkeypatch):
    """After an update that mends the decoder, asking for variants again finishes the file, description and all."""
    asset_id = await library.take_in(photo() + hostile_decoder.CRASH)
    async with working(library.services):
        await ended(library, [asset_id])
    monkeypatch.undo()

    run = await library.services.assets.trigger_variants(library.scope, asset_id)
    assert run.is_new
    with pytest.raises(NotReady):
        await library.services.assets.with_variant(library.scope, asset_id, "tiny_64")
    async with open_library(own_database, tmp_path) as mended, working(mended.services):
        (asset,) = await ended(library, [asset_id])

    assert (asset.variant_status, asset.variant_error) == (State.COMPLETED, None)
    assert (asset.description_status, asset.description_error) == (State.COMPLETED, None)


async def test_a_worker_whose_decoders_are_all_killed_goes_on_with_new_ones(library):
    """The kernel may end any process for its memory at any time; no picture is lost by that."""
    asset_ids = [await library.take_in(photo(1200, 900)) for _ in range(10)]

    async with working(library.services):
        sandbox = library.services.picture_sandbox
        killed = set()
        for _ in range(2):
            await becomes(lambda: set(sandbox.pids) - killed, "no decoder was started")
            for slot in sandbox._slots:
                if slot.child is not None and slot.child.pid not in killed:
                    killed.add(slot.child.pid)
                    slot.child.kill()
        assets = await ended(library, asset_ids)

    assert {asset.variant_status for asset in assets} == {State.COMPLETED}
    assert len(killed) >= 2


async def test_colors_that_cannot_be_found_fail_by_themselves(library, monkeypatch):
    """A decoder that dies over the colours of one picture leaves its variants alone, and the colours of another are found."""
    monkeypatch.setattr(color, "extract_colors", hostile_decoder.extract_badly)
    bad, good = await library.take_in(), await library.take_in()
    colors, scope = library.services.colors, library.scope
    async with working(library.services):
        await ended(library, [bad, good])
        await colors.request(scope, bad, 3, force=False)
        await colors.request(scope, good, 4, force=False)
        waiting = "SELECT 1 FROM color_analysis WHERE asset_id = ANY(%s) AND status IN ('pending', 'processing')"
        await becomes(lambda: not library.sql(waiting, [bad, good]), "the colours were never done")

    failed, found = await colors.get(scope, bad), await colors.get(scope, good)
    assert (failed.state, failed.analysis.n_colors) == (ExtractionState.FAILED, 16)
    assert (found.state, found.analysis.n_colors) == (ExtractionState.COMPLETED, 4)
    assert (await library.asset(bad)).variant_status is State.COMPLETED
    (*_, last) = (await library.services.assets.detail(scope, str(bad))).operations
    assert last.type is OperationType.EXTRACT_COLORS
    assert "SIGSEGV" in last.error_message
    assert "3 attempts" in last.error_message
