"""Children die, are replaced and are ended, and no call of anybody else notices."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

import pytest
import sandbox_victims as victims
from sandbox_support import MEGABYTE, failure_of, gone, sandbox, until

from calotype.domain.errors import Unavailable
from calotype.sandbox.pool import Sandbox


async def test_one_death_disturbs_nobody(tmp_path):
    """Among many calls at once, the crashing ones fail alone: no other is lost, and none runs twice."""
    async with sandbox(workers=3, megabytes=400) as made:
        good = [made.run(victims.note, str(tmp_path), f"n{i}", 0.01, timeout=30) for i in range(30)]
        bad = [failure_of(made, victims.segfault) for _ in range(3)]
        bad += [failure_of(made, victims.die_by, signal.SIGKILL) for _ in range(3)]
        bad += [failure_of(made, victims.hog, 600) for _ in range(2)]
        bad += [failure_of(made, victims.spin, seconds=0.2) for _ in range(2)]
        mixed = [call for pair in zip(good[:10], bad, strict=True) for call in pair] + good[10:]
        results = await asyncio.gather(*mixed)
    names = sorted(result for result in results if isinstance(result, str))
    assert names == sorted(f"n{i}" for i in range(30))
    reasons = sorted(result.context["reason"] for result in results if not isinstance(result, str))
    assert reasons == ["crashed"] * 6 + ["memory"] * 2 + ["timeout"] * 2


async def test_a_child_that_died_idle_is_replaced_unseen():
    """Children killed between two calls cost nothing but a new start."""
    async with sandbox(workers=2) as made:
        await made.warm()
        victims_pids = made.pids
        for pid in victims_pids:
            os.kill(pid, signal.SIGKILL)
        await until(lambda: all(gone(pid) for pid in victims_pids))
        assert await asyncio.gather(*(made.run(victims.add, i, timeout=20) for i in range(4))) == [0, 1, 2, 3]


async def test_a_request_is_given_to_another_child_when_the_first_dies_before_taking_it():
    """A child stopped, asked, and killed has not begun the call, so the call is made by the next."""
    async with sandbox() as made:
        first = await made.run(victims.pid, timeout=20)
        os.kill(first, signal.SIGSTOP)
        call = asyncio.create_task(made.run(victims.pid, timeout=20))
        await asyncio.sleep(0)
        await until(made._idle.empty)
        os.kill(first, signal.SIGKILL)
        assert await call != first


async def test_cancelling_ends_the_child_at_work(tmp_path):
    """A cancelled call stops: its child is dead and what it was about to do does not happen."""
    async with sandbox() as made:
        before = await made.run(victims.pid, timeout=20)
        call = asyncio.create_task(made.run(victims.note, str(tmp_path), "long", 60, timeout=100))
        await until((tmp_path / "long.begun").exists)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: gone(before))
        assert await made.run(victims.add, 2, timeout=20) == 2
        assert not (tmp_path / "long.ended").exists()


async def test_cancelling_a_call_in_the_queue_disturbs_nothing(tmp_path):
    """A call that never began is forgotten, and the one at work goes on in its child."""
    async with sandbox() as made:
        before = await made.run(victims.pid, timeout=20)
        working = asyncio.create_task(made.run(victims.note, str(tmp_path), "a", 0.2, timeout=20))
        await until((tmp_path / "a.begun").exists)
        waiting = asyncio.create_task(made.run(victims.note, str(tmp_path), "b", timeout=20))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await working == "a"
        assert await made.run(victims.pid, timeout=20) == before
        assert not (tmp_path / "b.begun").exists()


async def test_cancelling_at_any_moment_loses_no_child():
    """Calls cancelled at every point of their lives, start included, leave the sandbox whole."""
    async with sandbox(workers=2, jobs_per_child=3) as made:
        for turns in range(60):
            call = asyncio.create_task(made.run(victims.add, turns, timeout=20))
            for _ in range(turns % 20):
                await asyncio.sleep(0)
            call.cancel()
            with suppress(asyncio.CancelledError):
                await call
        results = await asyncio.gather(*(made.run(victims.add, i, timeout=20) for i in range(6)))
        assert results == list(range(6))
        assert len(made.pids) <= 2


async def test_children_are_replaced_after_their_jobs():
    """No child answers more calls than it is allowed to."""
    async with sandbox(jobs_per_child=2) as made:
        pids = [await made.run(victims.pid, timeout=20) for _ in range(6)]
        assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [2, 2, 2]


async def test_closing_lets_calls_finish(tmp_path):
    """Calls at work and in the queue end well, new ones are refused, and no child is left."""
    made = Sandbox("decoder", 1, 512 * MEGABYTE)
    calls = [asyncio.create_task(made.run(victims.note, str(tmp_path), f"{i}", 0.05, timeout=20)) for i in (0, 1)]
    await until((tmp_path / "0.begun").exists)
    pids = made.pids
    closing = asyncio.create_task(made.close())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await made.run(victims.add, 1, timeout=20)
    assert await asyncio.gather(*calls) == ["0", "1"]
    await closing
    assert made.pids == ()
    assert all(gone(pid) for pid in pids)
    await made.close()


async def test_killing_ends_everything_at_once(tmp_path):
    """Calls at work and in the queue are told that the sandbox was stopped, and no child is left."""
    made = Sandbox("decoder", 1, 512 * MEGABYTE)
    calls = [asyncio.create_task(made.run(victims.note, str(tmp_path), f"{i}", 60, timeout=90)) for i in (0, 1)]
    await until((tmp_path / "0.begun").exists)
    pids = made.pids
    made.kill()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable, Unavailable]
    await made.close()
    assert all(gone(pid) for pid in pids)
    assert not (tmp_path / "1.begun").exists()


async def test_an_idle_sandbox_uses_no_processor_time():
    """Children that wait do not wake up: their context switches stand still."""
    async with sandbox(workers=2) as made:
        await made.warm()
        await asyncio.gather(*(made.run(victims.add, 1, timeout=20) for _ in range(4)))
        for pid in made.pids:
            await until(lambda pid=pid: Path(f"/proc/{pid}/wchan").exists() and _sleeping(pid))
        before = [_switches(pid) for pid in made.pids]
        await asyncio.sleep(0.5)
        assert [_switches(pid) for pid in made.pids] == before


def _sleeping(pid):
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] == "S"


def _switches(pid):
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return [line for line in lines if line.startswith("voluntary_ctxt")]


@pytest.mark.parametrize("work", ["victims.spin, timeout=600", "victims.pid, 600.0, timeout=900"])
def test_children_die_with_their_parent(work, tmp_path):
    """When the server is killed without warning, a child at work does not outlive it."""
    program = textwrap.dedent(f"""
        import asyncio, pathlib
        from calotype.sandbox.pool import Sandbox
        import sandbox_victims as victims
        async def main():
            made = Sandbox("decoder", 2, {512 * MEGABYTE})
            await made.warm()
            call = asyncio.create_task(made.run({work}))
            await asyncio.sleep(0)
            target = pathlib.Path({str(tmp_path / "pids")!r})
            target.with_suffix(".new").write_text(" ".join(map(str, made.pids)))
            target.with_suffix(".new").rename(target)
            await call
        asyncio.run(main())
    """)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", program], env=environment)
    try:
        while not (tmp_path / "pids").exists():
            assert parent.poll() is None
            time.sleep(0.01)
        pids = [int(word) for word in (tmp_path / "pids").read_text(encoding="ascii").split()]
        assert len(pids) == 2
    finally:
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 20
    while not all(gone(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.01)
