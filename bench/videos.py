"""What one pass over a film costs (scenes, keyframes, all frames seen), beside a bare decode of the same file.

    python -m bench.videos [rounds] [--4k]

Each measurement is a child process of its own; the bare decode and the scan take turns. `times_real_time` is the film's duration
by the seconds it took, `ratio_to_bare` the bare decode's seconds by those of the scan.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.make_photos import make_flavour
from bench.report import report

FOLDER = Path(tempfile.gettempdir()) / "calotype_bench_films"
SIZES = {"1080p H.264": (1920, 1080, "libx264", 600, 60), "4K HEVC": (3840, 2160, "libx265", 120, 4)}
RATE = 30
SCENE_SECONDS = 4
SOUND_RATE = 48000


def run(rounds: int = 2, *, with_4k: bool = False) -> list[dict[str, Any]]:
    """Measure both films, or the smaller one only."""
    return [_measure(name, rounds) for name in list(SIZES)[: 2 if with_4k else 1]]


def make_film(name: str) -> Path:
    """The film of this name, made once: moving parts of photographs with grain, a cut every four seconds, and sound.

    A few seconds are encoded and repeated until the film is as long as it should be.
    """
    width, height, codec, seconds, encoded = SIZES[name]
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{codec}_{width}x{height}_{seconds}.mp4"
    if not path.exists():
        loop = FOLDER / f"{path.stem}.loop.mp4"
        if not loop.exists():
            _encode(loop, width, height, codec, encoded)
        partial = path.with_suffix(".partial")
        _repeat(loop, partial, seconds // encoded)
        loop.unlink()
        partial.replace(path)
    return path


def _encode(path: Path, width: int, height: int, codec: str, seconds: int) -> None:
    import av

    rng = np.random.default_rng(1)
    shots = max(1, seconds // SCENE_SECONDS)
    side = (width * 5 // 4, height * 5 // 4)
    photos = [Image.open(file).convert("RGB").resize(side) for file in make_flavour("phone", min(shots, 8))]
    pixels = [np.asarray(photo) for photo in photos]
    grain = rng.integers(-4, 5, (4, height, width, 1), np.int16)
    options = {"preset": "veryfast" if codec == "libx264" else "ultrafast", "x265-params": "log-level=none"}
    with av.open(str(path), "w", format="mp4") as output:
        video = output.add_stream(codec, rate=RATE, options=options if codec == "libx265" else {"preset": "veryfast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        sound = output.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        for number in range(seconds * RATE):
            picture = pixels[number // (SCENE_SECONDS * RATE) % len(pixels)]
            step = number % (SCENE_SECONDS * RATE)
            top, left = step * (side[1] - height) // (SCENE_SECONDS * RATE), step * 2 % (side[0] - width)
            part = picture[top : top + height, left : left + width] + grain[number % 4]
            frame = av.VideoFrame.from_ndarray(np.clip(part, 0, 255).astype(np.uint8), format="rgb24")
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        for start in range(0, seconds * SOUND_RATE, 1024):
            wave = rng.integers(-3000, 3000, (1, 2048), np.int16)
            frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
            output.mux(sound.encode(frame))
        output.mux(sound.encode(None))


def _repeat(source: Path, target: Path, times: int) -> None:
    import av

    with av.open(str(target), "w", format="mp4") as output:
        streams: dict[int, Any] = {}
        last: dict[int, int] = {}
        for turn in range(times):
            with av.open(str(source)) as loop:
                length = Fraction(loop.duration, 1_000_000)
                streams = streams or {stream.index: output.add_stream_from_template(stream) for stream in loop.streams}
                for packet in loop.demux():
                    if packet.dts is None:
                        continue
                    shift = round(turn * length / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    # Sound is a little longer than the pictures.
                    if packet.dts <= last.get(packet.stream_index, packet.dts - 1):
                        continue
                    last[packet.stream_index] = packet.dts
                    packet.stream = streams[packet.stream_index]
                    output.mux(packet)


def bare(path: str) -> dict[str, Any]:
    """Decode all frames with as many threads as FFmpeg likes, and look at none."""
    import av

    frames = 0
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for _ in container.decode(stream):
            frames += 1
    return {"frames": frames}


def scanned(path: str) -> dict[str, Any]:
    """Scan the film as indexing does."""
    from calotype.video.scan import scan

    with tempfile.TemporaryDirectory() as folder:
        found = scan(path, "mp4", folder)
    return {"frames": found.frames, "scenes": len(found.scenes)}


def bare_seconds(path: Path) -> float:
    """Seconds a bare decode of a film takes in a process of its own."""
    return float(_in_child("bare", path)["seconds"])


def _measure(name: str, rounds: int) -> dict[str, Any]:
    path = make_film(name)
    seconds = SIZES[name][3]
    figures: dict[str, list[dict[str, Any]]] = {"bare": [], "scanned": []}
    for _, kind in itertools.product(range(rounds), figures):
        figures[kind].append(_in_child(kind, path))
    bare_time, scan_time = (statistics.median(one["seconds"] for one in figures[kind]) for kind in figures)
    return {
        "bench": f"scan of {seconds // 60} minutes of {name}",
        "megabytes": round(path.stat().st_size / 1e6, 1),
        "scenes": figures["scanned"][-1]["scenes"],
        "times_real_time": round(seconds / scan_time, 1),
        "bare_times_real_time": round(seconds / bare_time, 1),
        "ratio_to_bare": round(bare_time / scan_time, 2),
        "processor_seconds": [round(one["processor"], 1) for one in figures["scanned"]],
        "bare_processor_seconds": [round(one["processor"], 1) for one in figures["bare"]],
        "peak_megabytes": max(one["peak"] for one in figures["scanned"]),
        "bare_peak_megabytes": max(one["peak"] for one in figures["bare"]),
    }


def _in_child(kind: str, path: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.videos", "--child", kind, str(path)]
    answer: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return answer


def _child(kind: str, path: str) -> None:
    start = time.perf_counter()
    found = bare(path) if kind == "bare" else scanned(path)
    seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    times = os.times()
    print(
        json.dumps(
            {**found, "seconds": seconds, "processor": times.user + times.system, "peak": used.ru_maxrss // 1024}
        )
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        _child(*sys.argv[2:4])
    else:
        numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
        report(run(*numbers, with_4k="--4k" in sys.argv))
