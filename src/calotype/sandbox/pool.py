"""Runs functions in limited child processes, so that a bad picture cannot take the server with it.

Pebble's process pool was tried first and is not used: one idle child that dies (ended by the kernel for its
memory, say) puts the whole pool into an error state for good, because its children share one pipe and
nobody can tell what a dead one held; and its threads wake up ten times a second. Here each child has its
own socket, so a death concerns one job at most, nothing polls, and a child is started as a program of its
own, with an environment of its own and without the parent's main module.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar, cast

from calotype.domain.errors import SandboxFailure, Unavailable
from calotype.sandbox import child, wire
from calotype.sandbox.process import ChildDied, ChildOptions, ChildProcess, signal_name

T = TypeVar("T")

# A child that dies before it took a request in (ended while idle) has not been hurt by it; others may try.
_ATTEMPTS = 3


class _Slot:
    """A place for one child: empty, or with a child that is idle or at work."""

    def __init__(self) -> None:
        self.child: ChildProcess | None = None


class Sandbox:
    """A fixed number of limited children, each running one function at a time.

    `name` says what they do ("decoder"), for messages. `memory_limit` bounds the address space of one
    child, in bytes, and `file_limit` one file it writes, by default the same; `nice` lowers its priority
    (0-19). A child is replaced after `jobs_per_child` calls, which bounds what leaks. `environment` adds to
    the few variables children get; `preload` names modules they import before their first call. Children
    are started when first needed, or by `warm`. A sandbox belongs to the event loop it is first used in,
    and children end with the thread of that loop. `network` tells whether children can reach one: None
    until one has started, then False where the system lets them leave it.
    """

    def __init__(
        self,
        name: str,
        workers: int,
        memory_limit: int,
        nice: int = 0,
        jobs_per_child: int = 200,
        environment: Mapping[str, str] = MappingProxyType({}),
        preload: Sequence[str] = (),
        file_limit: int | None = None,
    ) -> None:
        self.name = name
        self.workers = workers
        self.network: bool | None = None
        self._options = ChildOptions(memory_limit, file_limit or memory_limit, nice, dict(environment), tuple(preload))
        self._jobs_per_child = jobs_per_child
        self._slots = [_Slot() for _ in range(workers)]
        # Last in, first out: a quiet server keeps using the child that is warm.
        self._idle: asyncio.LifoQueue[_Slot] = asyncio.LifoQueue()
        for slot in self._slots:
            self._idle.put_nowait(slot)
        self._repairs: set[asyncio.Task[None]] = set()
        self._closed = False
        self._killed = False

    async def run(
        self,
        function: Callable[..., T],
        /,
        *args: Any,
        timeout: float,  # noqa: ASYNC109 - it runs from the start of the call, not from the wait for a child
        **kwargs: Any,
    ) -> T:
        """Call an importable `function` in a child and return its result, within `timeout` seconds.

        Results are plain data: builtin values, dates, numpy arrays, dataclasses and enums of this package.
        Raises what the function raised when that is a `CalotypeError`, otherwise `SandboxFailure` with a
        `reason` in its context: "crashed" (perhaps with `signal`), "memory", "timeout" or "start". Raises
        `Unavailable` once closed, TypeError when `function` cannot be imported by name. Cancelling ends the
        child at work.
        """
        self._refuse_when(self._closed)
        request = _request(function, timeout, args, kwargs)
        slot = await self._idle.get()
        healthy = False
        try:
            answer = await self._ask(slot, request, timeout)
            healthy = not (isinstance(answer, child.Failed) and answer.out_of_memory)
        finally:
            self._give_back(slot, healthy=healthy)
        return cast("T", self._result(answer))

    async def warm(self) -> None:
        """Start all children that are not at work, side by side, and import their modules."""
        self._refuse_when(self._closed)
        slots = [self._idle.get_nowait() for _ in range(self._idle.qsize())]
        try:
            await asyncio.gather(*(self._ready(slot) for slot in slots))
        finally:
            for slot in slots:
                self._idle.put_nowait(slot)

    async def close(self) -> None:
        """Take no new calls, let those at work and in the queue finish, then end all children."""
        self._closed = True
        try:
            for _ in self._slots:
                await self._idle.get()
        finally:
            self.kill()
        await asyncio.gather(*self._repairs, return_exceptions=True)
        await asyncio.gather(*(self._bury(slot) for slot in self._slots))
        for slot in self._slots:
            self._idle.put_nowait(slot)

    def kill(self) -> None:
        """End all children at once; calls at work or in the queue raise `Unavailable`."""
        self._closed = self._killed = True
        for slot in self._slots:
            if slot.child is not None:
                slot.child.kill()

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the children that live."""
        return tuple(slot.child.pid for slot in self._slots if slot.child is not None and slot.child.alive)

    async def _ask(self, slot: _Slot, request: bytes, seconds: float) -> Any:
        for _ in range(_ATTEMPTS):
            worker = await self._ready(slot)
            try:
                async with asyncio.timeout(seconds):
                    return await worker.ask(request)
            except TimeoutError as error:
                raise SandboxFailure(f"it took longer than {seconds:g} s", reason="timeout") from error
            except wire.UnreadableAnswer as error:
                raise SandboxFailure(f"its answer cannot be read: {error}", reason="crashed") from error
            except ChildDied as death:
                crash = await self._crash(worker)
                await self._bury(slot)
                self._refuse_when(self._killed)
                if death.started:
                    raise crash from None
        raise crash

    async def _ready(self, slot: _Slot) -> ChildProcess:
        self._refuse_when(self._killed)
        if slot.child is not None and not slot.child.alive:
            await self._bury(slot)
        if slot.child is None:
            slot.child = await ChildProcess.start(self._options)
            self.network = slot.child.network
        if self._killed:
            slot.child.kill()
        return slot.child

    def _give_back(self, slot: _Slot, *, healthy: bool) -> None:
        worn = slot.child is not None and slot.child.jobs >= self._jobs_per_child
        if healthy and not worn:
            self._idle.put_nowait(slot)
            return
        if slot.child is not None:
            slot.child.kill()
        repair = asyncio.get_running_loop().create_task(self._repair(slot), name=f"{self.name}-repair")
        self._repairs.add(repair)
        repair.add_done_callback(self._repairs.discard)

    async def _repair(self, slot: _Slot) -> None:
        """Put a fresh child into `slot`; when it does not start, the next call tries again and tells why."""
        try:
            await self._bury(slot)
            if not self._closed:
                with contextlib.suppress(SandboxFailure, Unavailable):
                    await self._ready(slot)
        finally:
            self._idle.put_nowait(slot)

    @staticmethod
    async def _bury(slot: _Slot) -> None:
        """Empty `slot` and collect its process, which must have ended or been killed."""
        gone, slot.child = slot.child, None
        if gone is not None:
            gone.kill()
            try:
                await gone.wait()
            finally:
                gone.forget()

    async def _crash(self, worker: ChildProcess) -> SandboxFailure:
        code = await worker.wait()
        name, words = signal_name(code), worker.last_words()
        context = {"signal": name, "exit_code": code, "output": words}
        if name == "SIGXCPU":
            return SandboxFailure("it took too much processor time", reason="timeout", **context)
        if name in {"SIGABRT", "SIGSEGV", "SIGBUS", "SIGTRAP"} and child.told_of_memory(words):
            return SandboxFailure(self._too_much_memory(), reason="memory", **context)
        if name == "SIGKILL":
            said = f"the {self.name} was killed (SIGKILL), perhaps because the machine ran out of memory"
            return SandboxFailure(said, reason="crashed", **context)
        said = f"the {self.name} crashed ({name or f'exit code {code}'})"
        return SandboxFailure(said, reason="crashed", **context)

    def _result(self, answer: Any) -> Any:
        if isinstance(answer, child.Done):
            return answer.value
        if not isinstance(answer, child.Failed):
            raise SandboxFailure("its answer cannot be read", reason="crashed")
        if answer.refusal is not None:
            raise answer.refusal
        context = {"error": answer.error, "text": answer.text}
        if answer.out_of_memory:
            raise SandboxFailure(self._too_much_memory(), reason="memory", **context)
        said = f"the {self.name} failed ({answer.error}: {answer.text})"
        raise SandboxFailure(said, reason="crashed", **context)

    def _too_much_memory(self) -> str:
        return f"it needed more than {self._options.memory_limit // (1024 * 1024)} MB of memory"

    def _refuse_when(self, stopped: bool) -> None:
        if stopped:
            raise Unavailable(f"the {self.name} has been stopped")


def _request(function: Callable[..., Any], timeout: float, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    module, name = function.__module__, function.__qualname__
    if module == "__main__" or "<" in name:
        raise TypeError(f"{module}.{name} cannot be imported by a child process")
    return wire.frame((module, name, timeout, args, kwargs))
