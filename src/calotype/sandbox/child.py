"""The program a child runs: it limits itself, imports what it was told to, then answers calls one by one."""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import re
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from calotype.domain.errors import CalotypeError
from calotype.sandbox import limits, wire

# Libraries in C tell of a failed allocation in their own words, not with MemoryError.
_OUT_OF_MEMORY = re.compile(
    r"out of memory|bad_alloc|(cannot|can't|could not|failed to|unable to) allocate|insufficient memory"
    r"|memory allocation|outofmemory",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Orders:
    """What the parent tells a new child: its limits in bytes, `nice`, and the modules to import first."""

    parent: int
    memory_limit: int
    file_limit: int
    nice: int
    preload: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ready:
    """A child is ready: `network` tells whether it can still reach one."""

    network: bool


@dataclass(frozen=True, slots=True)
class Done:
    """The function returned `value`."""

    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """The function raised: `refusal` holds an error of this package, `error` and `text` tell of any other."""

    error: str
    text: str
    out_of_memory: bool = False
    refusal: CalotypeError | None = None


def main(arguments: Sequence[str]) -> None:
    """Serve the parent over the socket whose file descriptor is the only argument, until it is closed."""
    faulthandler.enable()
    with socket.socket(fileno=int(arguments[0])) as channel:
        orders = _receive(channel)
        if not isinstance(orders, Orders):
            return
        greeting = _start(orders)
        channel.sendall(wire.frame_answer(greeting))
        if isinstance(greeting, Failed):
            return
        while (request := _receive(channel)) is not None:
            channel.sendall(_answer(request))


def told_of_memory(text: str) -> bool:
    """Whether `text`, from a library or from its last words on stderr, tells of a failed allocation."""
    return _OUT_OF_MEMORY.search(text) is not None


def _start(orders: Orders) -> Ready | Failed:
    limits.set_signals()
    limits.die_with_parent(orders.parent)
    limits.give_up_privileges()
    network = not limits.leave_network()
    limits.limit_self(orders.memory_limit, orders.file_limit, orders.nice)
    outcome = _outcome(_preload, (orders.preload,), {})
    return outcome if isinstance(outcome, Failed) else Ready(network)


def _preload(modules: Sequence[str]) -> None:
    for module in modules:
        importlib.import_module(module)


def _answer(request: tuple[str, str, float, tuple[Any, ...], dict[str, Any]] | Failed) -> bytes:
    if isinstance(request, Failed):
        return wire.frame_answer(request)
    module, name, timeout, args, kwargs = request
    limits.limit_processor_time(timeout)
    outcome = _outcome(_call, (module, name, args, kwargs), {})
    del request, args, kwargs
    try:
        return wire.frame_answer(outcome)
    except MemoryError as error:
        failure = _failure(error)
    except Exception as error:  # whatever the objects raise that are written
        failure = _plainly(outcome) or _failure(error)
    return wire.frame_answer(failure)


def _call(module: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    function: Any = importlib.import_module(module)
    for part in name.split("."):
        function = getattr(function, part)
    return function(*args, **kwargs)


def _outcome(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Done | Failed:
    """Call `function`; its error's frames, and what they held, are gone before an answer is made."""
    try:
        return Done(function(*args, **kwargs))
    except BaseException as error:  # whatever it is, it belongs to the caller in the parent
        return _failure(error)


def _failure(error: BaseException) -> Failed:
    if isinstance(error, CalotypeError):
        return Failed(type(error).__name__, error.message, refusal=error.with_traceback(None))
    text = str(error)[:2000]
    memory = isinstance(error, MemoryError) or told_of_memory(text)
    return Failed(type(error).__name__, text, out_of_memory=memory)


def _plainly(outcome: Done | Failed) -> Failed | None:
    """A refusal whose context does not travel, with that context as text; None for anything else."""
    if not isinstance(outcome, Failed) or outcome.refusal is None:
        return None
    refusal = outcome.refusal
    plain = type(refusal)(refusal.message, **{key: str(value) for key, value in refusal.context.items()})
    return Failed(outcome.error, outcome.text, refusal=plain)


def _receive(channel: socket.socket) -> Any:
    """The next message of the parent, its arrival acknowledged; None when there will be none.

    What cannot be taken in (it is too large, or of a type that cannot be imported here) arrives as `Failed`.
    """
    header = _read(channel, wire.HEADER.size)
    if header is None:
        return None
    try:
        body = _read(channel, *wire.HEADER.unpack(header))
        return None if body is None else wire.read_request(body)
    except Exception as error:  # pickle raises whatever the types it meets raise
        return _failure(error)
    finally:
        # The parent may be gone; then the next read finds out.
        with contextlib.suppress(OSError):
            channel.sendall(wire.STARTED)


def _read(channel: socket.socket, size: int) -> bytearray | None:
    """Exactly `size` bytes, or None at the end; raises MemoryError after reading away what is too much."""
    try:
        data = bytearray(size)
    except MemoryError:
        while size > 0 and (skipped := len(channel.recv(min(size, 65536)))):
            size -= skipped
        raise
    view = memoryview(data)
    done = 0
    while done < size:
        received = channel.recv_into(view[done:])
        if received == 0:
            return None
        done += received
    return data


if __name__ == "__main__":
    # Under its own name, so that its classes have the names by which the parent knows them.
    from calotype.sandbox.child import main as named_main

    named_main(sys.argv[1:])
