"""What stands in for the development of pictures: it looks at the last bytes of a file, and misbehaves as they say."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path

from calotype.imaging.pipeline import develop, extract_colors

CRASH, HANG, EAT, VANISH = b"please crash", b"please hang", b"please eat", b"please vanish"


def develop_badly(path, *, pixel_limit):
    """Develop a picture, unless its last bytes ask for something else; note each attempt and its process."""
    data = Path(path).read_bytes()
    wanted = next((word for word in (CRASH, HANG, EAT, VANISH) if data.endswith(word)), None)
    if wanted is None:
        return develop(path, pixel_limit=pixel_limit)
    with Path(f"{path}.attempts").open("a", encoding="ascii") as notes:
        notes.write(f"{os.getpid()}\n")
    if wanted == CRASH:
        ctypes.string_at(0)
    if wanted == VANISH:
        os.kill(os.getpid(), signal.SIGKILL)
    if wanted == HANG:
        time.sleep(3600)
    # Large pieces that nobody writes to cost no time, even on a busy machine: what is tested is the limit on memory.
    return [bytes(256 * 1024 * 1024) for _ in range(1000)]


def extract_badly(path, n_colors, *, pixel_limit):
    """Find colours, unless as few of them are asked for as only this test asks for."""
    if n_colors == 3:
        ctypes.string_at(0)
    return extract_colors(path, n_colors, pixel_limit=pixel_limit)
