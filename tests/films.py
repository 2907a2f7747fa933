"""Tiny films for tests, made on the spot: plain colours, one a scene, with a white square that wanders over them."""

from __future__ import annotations

import functools
import io
import itertools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction

import numpy as np

RED, GREEN, BLUE, YELLOW, GREY = (200, 30, 30), (30, 160, 40), (30, 40, 200), (210, 200, 40), (120, 120, 120)
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
SAMPLE_RATE = 48000

# Our word for a container: FFmpeg's muxer, its options, and what is put into it unless the test says so.
_CONTAINERS: dict[str, tuple[str, dict[str, str], str]] = {
    "mp4": ("mp4", {}, "libx264"),
    "m4v": ("ipod", {}, "libx264"),
    "mov": ("mov", {}, "libx264"),
    "3gp": ("3gp", {}, "libx264"),
    "mkv": ("matroska", {}, "libx264"),
    "webm": ("webm", {}, "libvpx"),
    "avi": ("avi", {}, "mpeg4"),
    "ts": ("mpegts", {}, "libx264"),
    "m2ts": ("mpegts", {"mpegts_m2ts_mode": "1"}, "libx264"),
    "mpeg": ("mpeg", {}, "mpeg2video"),
    "flv": ("flv", {}, "flv"),
    "wmv": ("asf", {}, "wmv2"),
    "ogv": ("ogg", {}, "libvpx"),
}
# Quick rather than good.
_CODEC_OPTIONS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "ultrafast"},
    # With B-frames the times of decoding of a film of one frame or two are left unset, and containers refuse what stands there.
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:pools=none:frame-threads=1:bframes=0"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libsvtav1": {"preset": "12", "svtav1-params": "lp=1"},
}

Paint = Callable[[int, float], "np.ndarray"]
"""A picture (height x width x 3, RGB) by the number of the frame and its time in seconds."""

Wave = Callable[["np.ndarray"], "np.ndarray"]
"""Samples from -1 to 1 by their times in seconds."""


def film(
    container: str = "mp4",
    *,
    size: tuple[int, int] = (64, 48),
    seconds: float = 1.0,
    fps: int = 10,
    scenes: Sequence[tuple[int, int, int]] = (RED,),
    paint: Paint | None = None,
    times: Sequence[float] | None = None,
    codec: str | None = None,
    pixel_format: str | None = None,
    audio: str | None = None,
    audio_seconds: float | None = None,
    wave: Wave | None = None,
    silent: tuple[float, float] = (0.0, 0.0),
    rotation: int = 0,
    aspect: Fraction | None = None,
    color: Mapping[str, int] | None = None,
    cover: bool = False,
    metadata: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
    codec_options: Mapping[str, str] | None = None,
) -> bytes:
    """A whole film as bytes.

    `scenes` are colours that share the time evenly (none: no pictures at all); `paint` draws other things. `times` are the
    seconds at which frames are shown, for a rate that varies (`seconds` and `fps` are not used then). `rotation`: how far
    the frames (of `size`, as stored) must be turned clockwise to be upright. `aspect`: that of one pixel. `color` sets
    `color_range`, `colorspace`, `color_trc` and `color_primaries` of the stream, as FFmpeg numbers them. `audio` names an encoder
    ("aac", "libopus", "mp2", or "pcm_s16le" for sound as it was); `wave` sounds otherwise, and of the seconds from the first to
    the second of `silent` no sound is in the file at all; `cover` adds a picture as an attachment (MP4 and its kin).
    """
    import av

    # The encoder of AV1 tells its life on stderr unless this is set before it starts.
    os.environ.setdefault("SVT_LOG", "0")
    muxer, container_options, usual_codec = _CONTAINERS[container]
    shown = list(times) if times is not None else [number / fps for number in range(max(1, round(seconds * fps)))]
    end = audio_seconds or (seconds if times is None else shown[-1] + 1 / fps)
    base = Fraction(1, fps) if times is None else Fraction(1, 1000)
    draw = paint or functools.partial(_square, size, list(scenes), end)
    file = io.BytesIO()
    with av.open(file, "w", format=muxer, container_options={**container_options, **(options or {})}) as output:
        output.metadata.update(metadata or {})
        # All streams are there before the first packet.
        works = []
        if scenes or paint is not None:
            video = _video_stream(output, codec or usual_codec, fps, size, pixel_format, codec_options or {})
            video.codec_context.time_base = base
            for name, value in {**(color or {}), **({"sample_aspect_ratio": aspect} if aspect else {})}.items():
                setattr(video.codec_context, name, value)
            if rotation:
                video.set_display_rotation(-rotation)
            works.append(_pictures(video, draw, shown, base, color or {}))
        if audio is not None:
            sound = output.add_stream(audio, rate=SAMPLE_RATE, layout="mono")
            sound.bit_rate = 64000
            works.append(_tone(sound, end, wave or _a_tone, silent))
        if cover:
            attached = _video_stream(output, "mjpeg", 1, (32, 32), None, {})
            attached.disposition = 0x400
            works.append(_pictures(attached, lambda _number, _time: plain(GREY, (32, 32)), [0.0], Fraction(1, 1), {}))
        for packet in itertools.chain(*works):
            output.mux(packet)
    return file.getvalue()


def plain(color: tuple[int, int, int], size: tuple[int, int]) -> np.ndarray:
    """A picture of one colour; `size` is (width, height)."""
    return np.full((size[1], size[0], 3), color, np.uint8)


def noise(size: tuple[int, int], seed: int = 0, smooth: int = 8) -> np.ndarray:
    """A picture of blotches `smooth` pixels wide, the same for the same seed."""
    small = np.random.default_rng(seed).integers(20, 235, (size[1] // smooth + 1, size[0] // smooth + 1, 3), np.uint8)
    return np.ascontiguousarray(small.repeat(smooth, 0).repeat(smooth, 1)[: size[1], : size[0]])


def _square(
    size: tuple[int, int], scenes: list[tuple[int, int, int]], end: float, number: int, time: float
) -> np.ndarray:
    picture = plain(scenes[min(int(time / end * len(scenes) + 1e-9), len(scenes) - 1)], size)
    side = max(1, min(size) // 8)
    left = number * side % max(1, size[0] - side)
    picture[:side, left : left + side] = 255
    return picture


def _video_stream(output, codec: str, fps: int, size: tuple[int, int], pixel_format: str | None, options):
    stream = output.add_stream(codec, rate=fps, options={**_CODEC_OPTIONS.get(codec, {}), **options})
    stream.width, stream.height = size
    stream.pix_fmt = pixel_format or ("yuvj420p" if codec == "mjpeg" else "yuv420p")
    stream.codec_context.thread_count = 1
    return stream


def _pictures(video, draw: Paint, times: Sequence[float], base: Fraction, color: Mapping[str, int]) -> Iterable:
    import av

    for number, time in enumerate(times):
        picture = av.VideoFrame.from_ndarray(draw(number, time), format="rgb24")
        frame = picture.reformat(
            format=video.pix_fmt,
            dst_colorspace=color.get("colorspace"),
            dst_color_range=color.get("color_range"),
        )
        frame.pts, frame.time_base = round(time / base), base
        yield from video.encode(frame)
    yield from video.encode(None)


def _a_tone(times: np.ndarray) -> np.ndarray:
    return np.sin(times * 2 * np.pi * 440) / 4


def _tone(sound, seconds: float, wave: Wave, silent: tuple[float, float]) -> Iterable:
    import av

    context = sound.codec_context
    samples = (wave(np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE) * 32000).astype(np.int16)
    resampler = av.AudioResampler(format=context.format, layout="mono", rate=SAMPLE_RATE)
    for start in range(0, len(samples), 1024):
        if silent[0] <= start / SAMPLE_RATE < silent[1]:
            continue
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
        for resampled in resampler.resample(frame):
            yield from sound.encode(resampled)
    yield from sound.encode(None)
