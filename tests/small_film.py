"""A film that is small, quickly made, and unlike all others."""

from __future__ import annotations

import io

import numpy as np


def small_film(seconds: int = 1, size: tuple[int, int] = (64, 48), container: str = "mp4") -> bytes:
    """Ten frames of noise a second as MPEG-4, about 15 kB a second at the usual size; another one each time."""
    import av

    width, height = size
    stream = io.BytesIO()
    with av.open(stream, "w", format=container) as output:
        video = output.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        noise = np.random.default_rng()
        for _ in range(10 * seconds):
            frame = av.VideoFrame.from_ndarray(
                noise.integers(0, 255, (height, width, 3), dtype=np.uint8), format="rgb24"
            )
            output.mux(video.encode(frame))
        output.mux(video.encode())
    return stream.getvalue()
