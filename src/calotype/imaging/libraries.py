"""The native libraries that touch pixels, loaded on first use and set up for one core and untrusted files."""

from __future__ import annotations

import functools
import os
from typing import Any

# Everything else libvips could open stays shut: a file may not choose an exotic, little-tested loader.
OPEN_LOADERS = (
    "VipsForeignLoadPng",
    "VipsForeignLoadJpeg",
    "VipsForeignLoadWebp",
    "VipsForeignLoadNsgif",
    "VipsForeignLoadTiff",
    "VipsForeignLoadSvg",
)

SINGLE_THREAD = ("VIPS_CONCURRENCY", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@functools.cache
def load_vips() -> Any:
    """Return the pyvips module: one thread, no operation cache, and only the loaders that are named here.

    The thread count is read once when libvips starts, hence the environment variable; a value that is already
    there wins.
    """
    _single_thread()
    import logging

    import pyvips

    # What libvips has to say of a bad file is in the exception; its log lines would only repeat it.
    logging.getLogger("pyvips").setLevel(logging.ERROR)
    pyvips.cache_set_max(0)
    pyvips.block_untrusted_set(True)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for loader in OPEN_LOADERS:
        pyvips.operation_block_set(loader, False)
    return pyvips


@functools.cache
def load_opencv() -> Any:
    """Return the cv2 module, set to one thread: a child process has one core."""
    _single_thread()
    import cv2

    cv2.setNumThreads(1)
    return cv2


@functools.cache
def load_pillow() -> Any:
    """Return Pillow's Image module with one AVIF thread and without its own limit on pixels.

    The header was held against ours before; Pillow's, which differs, would refuse what the probe has accepted.
    """
    from PIL import AvifImagePlugin, Image

    Image.MAX_IMAGE_PIXELS = None
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    return Image


def _single_thread() -> None:
    for variable in SINGLE_THREAD:
        os.environ.setdefault(variable, "1")
