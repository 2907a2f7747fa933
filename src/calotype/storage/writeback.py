"""Asking the kernel to begin writing to the disk early, so that the final flush of a large file is short."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable

# linux/fs.h: start writing dirty pages of the range that are not on their way yet, without waiting for them.
_SYNC_FILE_RANGE_WRITE = 2


def start_writeback(descriptor: int, offset: int, length: int) -> None:
    """Begin writing `length` bytes from `offset` of a file to the disk; a mere hint, unknown to some systems.

    Unlike `posix_fadvise` this leaves the pages in memory, where the picture is about to be read again.
    """
    if call := _sync_file_range():
        call(descriptor, offset, length, _SYNC_FILE_RANGE_WRITE)


@functools.cache
def _sync_file_range() -> Callable[[int, int, int, int], int] | None:
    try:
        call = ctypes.CDLL(None).sync_file_range
    except (OSError, AttributeError):
        return None
    call.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    call.restype = ctypes.c_int
    function: Callable[[int, int, int, int], int] = call
    return function
