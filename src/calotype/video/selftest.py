"""Trying the decoders of the films people have most, to find out what this installation can open."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

from calotype.domain.errors import CalotypeError
from calotype.video.decoders import DECODERS

_CODECS = {"h264": ("h264",), "hevc": ("hevc",), "vp9": ("libvpx-vp9", "vp9"), "av1": ("libdav1d", "av1")}
_SIDE = 64


def selftest() -> dict[str, str | None]:
    """Return for "film" and each common codec None when all is well, otherwise the reason in words.

    A film of two frames is made and probed; of the codecs it is looked whether FFmpeg has the decoder. Meant for a limited child
    process, as `probe` is.
    """
    return {"film": _film_fault(), **{name: _codec_fault(decoders) for name, decoders in _CODECS.items()}}


def _film_fault() -> str | None:
    from calotype.video.probe import probe

    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "sample.mp4"
            _make(path)
            found = probe(str(path), "mp4")
    except CalotypeError as error:
        return error.message
    except Exception as error:
        # A broken library may raise anything, and the codecs are still to be looked for.
        return f"{type(error).__name__}: {error}"
    return None if (found.width, found.height) == (_SIDE, _SIDE) else f"is {found.width} x {found.height}, not {_SIDE}"


def _make(path: Path) -> None:
    """Two grey frames in FFmpeg's own codec, which every build of it has."""
    import av
    import numpy as np

    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream("mpeg4", rate=10)
        stream.width = stream.height = _SIDE
        stream.pix_fmt = "yuv420p"
        for number in range(2):
            frame = av.VideoFrame.from_ndarray(np.full((_SIDE, _SIDE, 3), 120, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def _codec_fault(decoders: tuple[str, ...]) -> str | None:
    import av

    there = DECODERS & av.codecs_available
    return None if there.intersection(decoders) else "this build of FFmpeg has no decoder for it"
