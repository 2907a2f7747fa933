"""What a child process may use: memory, files, processor time, and nothing that outlives its parent."""

from __future__ import annotations

import ctypes
import os
import resource
import signal

# prctl(2) and unshare(2) take these numbers on every Linux architecture.
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000

_OPEN_FILES = 256
_LEAST_URGENT = 19


def limit_self(memory_limit: int, file_limit: int, nice: int) -> None:
    """Bound this process: address space and one written file in bytes, open files, no core dumps; and lower its priority."""
    _lower(resource.RLIMIT_AS, memory_limit)
    # A decoder that fills a disk does harm as one that fills memory does.
    _lower(resource.RLIMIT_FSIZE, file_limit)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    if nice:
        os.nice(nice)
    if nice >= _LEAST_URGENT and hasattr(os, "SCHED_IDLE"):
        # The lowest niceness still takes its share of a busy core; this takes only what nobody else wants.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def limit_processor_time(seconds: float) -> None:
    """Let this process use `seconds` of processor time on each core from now; then SIGXCPU ends it.

    The parent's clock is the real limit; this one works when the parent is too busy to look.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    allowed = used.ru_utime + used.ru_stime + seconds * (os.cpu_count() or 1) + 10
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(allowed) if hard == resource.RLIM_INFINITY else min(int(allowed), hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def die_with_parent(parent: int) -> None:
    """Have the kernel end this process when `parent` (a process id) ends; leave at once when it already has.

    The kernel watches the thread that started this process, not only its process; see prctl(2).
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def give_up_privileges() -> None:
    """Make sure that nothing this process starts can gain rights it does not have."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def leave_network() -> bool:
    """Move this process where there is no network; return False where the system does not permit it.

    Must be called before the process has threads. Sockets that are already connected keep working.
    """
    unshare = getattr(ctypes.CDLL(None, use_errno=True), "unshare", None)
    if unshare is None:
        return False
    # Root may leave the network alone; others need a user namespace to be allowed to.
    return any(unshare(flags) == 0 for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET))


def set_signals() -> None:
    """Leave Ctrl-C to the parent, which ends its children in its own order; SIGTERM ends this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _lower(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (bound, bound))


def _prctl(option: int, value: int) -> None:
    prctl = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)
    if prctl is not None:
        prctl(option, ctypes.c_ulong(value), 0, 0, 0)
