"""The sandbox answers, and tells in words how a call failed."""

import os
import signal
import socket

import numpy as np
import pytest
import sandbox_victims as victims
from sandbox_support import MEGABYTE, failure_of, gone, sandbox

from calotype.domain.errors import NotReady, SandboxFailure, UndecodablePicture
from calotype.domain.picture import VariantName


async def test_a_call_returns_what_the_function_returned():
    """Arguments and results travel, by position and by name, and large ones too."""
    async with sandbox() as made:
        assert await made.run(victims.add, 1, b=2, timeout=20) == 3
        picture = os.urandom(3_000_000)
        assert await made.run(victims.add, picture, b=b"!", timeout=20) == picture + b"!"


async def test_children_are_other_processes_and_are_kept():
    """A call runs in a child of ours, and the next call in the same one."""
    async with sandbox() as made:
        first = await made.run(victims.pid, timeout=20)
        assert first != os.getpid()
        assert await made.run(victims.pid, timeout=20) == first
        assert made.pids == (first,)


async def test_domain_values_and_arrays_travel():
    """Dataclasses, enums, dates and numpy arrays arrive as what they were."""
    async with sandbox() as made:
        facts = await made.run(victims.facts, timeout=20)
    assert facts["variant"] is VariantName.TINY_64
    assert facts["captured"].wall.year == 2026
    assert np.array_equal(facts["array"], np.arange(6, dtype=np.float32).reshape(2, 3))
    assert facts["array"].dtype == np.float32
    assert facts["number"] == 1.5
    assert facts["set"] == {1, 2}


@pytest.mark.parametrize(
    ("function", "args", "said", "name"),
    [
        (victims.segfault, (), "the decoder crashed (SIGSEGV)", "SIGSEGV"),
        (victims.die_by, (signal.SIGABRT,), "the decoder crashed (SIGABRT)", "SIGABRT"),
        (victims.die_by, (signal.SIGTERM,), "the decoder crashed (SIGTERM)", "SIGTERM"),
        (victims.die_by, (signal.SIGRTMIN,), "the decoder crashed (SIGRTMIN)", "SIGRTMIN"),
        (victims.leave, (7,), "the decoder crashed (exit code 7)", None),
    ],
)
async def test_a_crash_is_told_with_its_signal(function, args, said, name):
    """A child that dies at work is a failure that names the signal, and the next call is served."""
    async with sandbox() as made:
        failure = await failure_of(made, function, *args)
        assert failure.message == said
        assert failure.context["reason"] == "crashed"
        assert failure.context["signal"] == name
        assert await made.run(victims.add, 1, timeout=20) == 1


async def test_a_segmentation_fault_tells_where_it_happened():
    """The last words of a crashed child hold the Python frames it died in."""
    async with sandbox() as made:
        failure = await failure_of(made, victims.segfault)
        assert "segfault" in failure.context["output"]
        assert "sandbox_victims.py" in failure.context["output"]


async def test_an_unasked_kill_hints_at_memory():
    """SIGKILL by somebody else is told as a crash that may be the machine's lack of memory."""
    async with sandbox() as made:
        failure = await failure_of(made, victims.die_by, signal.SIGKILL)
        assert failure.context["reason"] == "crashed"
        assert failure.context["signal"] == "SIGKILL"
        assert "memory" in failure.message


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (victims.hog, (400,)),
        (victims.abort_for_memory, ()),
        (victims.library_out_of_memory, ()),
    ],
)
async def test_too_much_memory_is_told_as_such(function, args):
    """An allocation that fails is reported with the limit, however the library tells of it."""
    async with sandbox(megabytes=256) as made:
        failure = await failure_of(made, function, *args)
        assert failure.message == "it needed more than 256 MB of memory"
        assert failure.context["reason"] == "memory"
        assert await made.run(victims.hog, 10, timeout=20) == 10


async def test_arguments_that_do_not_fit_are_a_memory_failure():
    """A request larger than the child may hold is refused by the child, which stays in step."""
    async with sandbox(megabytes=200) as made:
        failure = await failure_of(made, victims.add, bytes(190 * MEGABYTE))
        assert failure.context["reason"] == "memory"
        assert await made.run(victims.add, 1, timeout=20) == 1


@pytest.mark.parametrize("function", [victims.spin, victims.ignore_everything])
async def test_an_endless_loop_is_ended(function):
    """A call past its time is a failure, and its child is dead, whatever signals it ignores."""
    async with sandbox() as made:
        (before,) = [await made.run(victims.pid, timeout=20)]
        failure = await failure_of(made, function, seconds=0.2)
        assert failure.message == "it took longer than 0.2 s"
        assert failure.context["reason"] == "timeout"
        assert await made.run(victims.pid, timeout=20) != before
        assert gone(before)


async def test_refusals_arrive_as_themselves():
    """An error of the domain raised in a child has the same type, message and context in the parent."""
    async with sandbox() as made:
        with pytest.raises(UndecodablePicture) as caught:
            await made.run(victims.refuse, actual=5, limit=4, timeout=20)
        assert caught.value.message == "the file ends in the middle"
        assert caught.value.context == {"actual": 5, "limit": 4}
        with pytest.raises(NotReady) as later:
            await made.run(victims.refuse_later, timeout=20)
        assert later.value.context["seen"] == (1, 2)


async def test_a_refusal_whose_context_cannot_travel_still_arrives():
    """What cannot be expressed of a context arrives as text."""
    async with sandbox() as made:
        with pytest.raises(UndecodablePicture) as caught:
            await made.run(victims.refuse_with, "bad", timeout=20)
        assert caught.value.message == "bad"
        assert os.devnull in caught.value.context["stream"]


@pytest.mark.parametrize(
    ("function", "error"),
    [(victims.fail, "KeyError"), (victims.quit_python, "SystemExit"), (victims.unanswerable, "Error")],
)
async def test_any_other_error_is_a_failure_that_names_it(function, error):
    """Errors of libraries become failures with the type and text, and the child lives on."""
    async with sandbox() as made:
        before = await made.run(victims.pid, timeout=20)
        failure = await failure_of(made, function)
        assert failure.context["reason"] == "crashed"
        assert error in failure.context["error"]
        assert await made.run(victims.pid, timeout=20) == before


async def test_an_answer_cannot_run_code_in_the_parent():
    """A result that is no data does not leave the child, and an answer that would be a call is refused, not called."""
    async with sandbox() as made:
        failure = await failure_of(made, victims.evil)
        assert "Evil" in failure.message
        failure = await failure_of(made, victims.taken_over)
        assert "its answer cannot be read" in failure.message


def local_function():
    """Exist in this module only to be wrapped."""

    def inner():
        return None

    return inner


@pytest.mark.parametrize("function", [lambda: None, local_function()])
async def test_functions_without_a_name_are_refused_at_once(function):
    """What a child cannot import is a TypeError in the caller, not a failure later."""
    async with sandbox() as made:
        with pytest.raises(TypeError, match="cannot be imported"):
            await made.run(function, timeout=20)


async def test_limits_are_in_force():
    """A child has the memory, core, file and priority limits it was given, and can gain no privileges."""
    async with sandbox(megabytes=512, nice=3) as made:
        seen = await made.run(victims.limits_seen, timeout=20)
    assert seen["RLIMIT_AS"] == 512 * MEGABYTE
    assert seen["RLIMIT_CORE"] == 0
    assert seen["RLIMIT_NOFILE"] <= 256
    assert seen["nice"] == min(19, os.nice(0) + 3)
    assert seen["sigint"]
    assert "NoNewPrivs:\t1" in seen["status"]


async def test_children_see_no_secrets(monkeypatch):
    """The server's own variables stay with the server; those meant for children arrive."""
    monkeypatch.setenv("CALOTYPE_DATABASE_URL", "postgresql://user:secret@host/db")
    async with sandbox(environment={"VIPS_CONCURRENCY": "2"}) as made:
        seen = await made.run(victims.environment, timeout=20)
    assert "secret" not in repr(seen)
    assert seen["VIPS_CONCURRENCY"] == "2"
    assert seen["OMP_NUM_THREADS"] == "1"


async def test_modules_are_loaded_before_the_first_call():
    """Preloaded modules are there already; others are not."""
    async with sandbox(preload=("colorsys",)) as made:
        await made.warm()
        assert await made.run(victims.loaded, "colorsys", timeout=20)
        assert not await made.run(victims.loaded, "wave", timeout=20)


async def test_a_child_that_cannot_start_says_why():
    """A module that cannot be imported is a failure with its name, each time, and never hangs."""
    async with sandbox(preload=("no_such_module_here",)) as made:
        with pytest.raises(SandboxFailure, match="no_such_module_here") as caught:
            await made.warm()
        assert caught.value.context["reason"] == "start"
        for _ in range(2):
            assert "no_such_module_here" in (await failure_of(made, victims.add, 1)).message


async def test_too_little_memory_for_anything_is_told():
    """A limit in which not even Python fits is a failure that says so, not a hang."""
    async with sandbox(megabytes=8) as made:
        assert (await failure_of(made, victims.add, 1)).context["reason"] in {"start", "memory"}


async def test_without_network_nothing_can_be_reached():
    """Where children could leave the network, a listening socket of this machine is out of reach."""
    async with sandbox() as made:
        await made.warm()
        if made.network:
            pytest.skip("this system lets no process leave its network")
        with socket.create_server(("127.0.0.1", 0)) as server:
            failure = await failure_of(made, victims.connect, server.getsockname()[1])
    assert failure.context["error"] in {"OSError", "ConnectionRefusedError", "TimeoutError"}


async def test_talk_on_stderr_and_stdout_blocks_nobody(capfd):
    """Whatever a decoder prints, the call ends and the server's own output stays clean."""
    async with sandbox() as made:
        assert await made.run(victims.write_much, timeout=20) == "done"
    assert "talks" not in "".join(capfd.readouterr())
