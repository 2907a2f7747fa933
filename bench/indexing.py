"""Indexing a whole film through the server: scenes found, looked at, read, described, embedded and stored.

    python -m bench.indexing [--no-ocr]

The bare decode of the same file, in a process of its own, is the floor. The seconds of each step are read off the progress that
clients see, so they are right to about half a second.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
from tests.running import RunningServer

from bench.report import report
from bench.videos import SIZES, bare_seconds, make_film

_PATIENCE = 3600.0  # seconds


class _Peak:
    """The most memory any process of the server has had, by the last word of its command line; looked at while the block runs."""

    def __init__(self) -> None:
        self.megabytes: dict[str, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> dict[str, int]:
        self._thread.start()
        return self.megabytes

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.5):
            for folder in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    command = (folder / "cmdline").read_bytes()
                    if b"calotype.sandbox.child" not in command:
                        continue
                    peak = next(
                        int(line.split()[1]) // 1024
                        for line in (folder / "status").read_text().splitlines()
                        if line.startswith("VmHWM:")
                    )
                    self.megabytes[folder.name] = max(peak, self.megabytes.get(folder.name, 0))


def run(name: str = "1080p H.264", *, reads_text: bool = True) -> dict[str, Any]:
    """Index one film and decode it bare, one after the other."""
    path, length = make_film(name), SIZES[name][3]
    before = bare_seconds(path)
    settings = {} if reads_text else {"CALOTYPE_OCR_ENABLED": "false"}
    with (
        tempfile.TemporaryDirectory() as folder,
        RunningServer(Path(folder), **settings) as server,
        server.client(server.new_key()) as client,
        _Peak() as peaks,
    ):
        video_id, upload_seconds = _upload(client, path)
        steps, seconds, scenes = _watch(client, video_id)
    floor = (before + bare_seconds(path)) / 2
    return {
        "bench": f"indexing {length // 60} minutes of {name}, visible text {'read' if reads_text else 'not read'}",
        "scenes": scenes,
        "upload_seconds": round(upload_seconds, 1),
        "index_seconds": round(seconds, 1),
        **{f"{step}_seconds": round(spent, 1) for step, spent in steps.items()},
        "bare_seconds": round(floor, 1),
        "times_real_time": round(length / seconds, 1),
        "ratio_to_bare": round(floor / seconds, 2),
        "scan_ratio_to_bare": round(floor / max(steps.get("scenes", seconds), 0.1), 2),
        "peak_megabytes_of_a_child": max(peaks.values(), default=0),
    }


def _upload(client: httpx.Client, path: Path) -> tuple[str, float]:
    begun = time.perf_counter()
    with path.open("rb") as file:
        answer = client.post("/videos/upload", files={"file": (path.name, file)}, data={"index": "true"}, timeout=600)
    answer.raise_for_status()
    return answer.json()["video_id"], time.perf_counter() - begun


def _watch(client: httpx.Client, video_id: str) -> tuple[dict[str, float], float, int]:
    """Seconds of each step, seconds in all, and how many scenes there were."""
    begun = time.perf_counter()
    steps: dict[str, float] = {}
    last = begun
    while time.perf_counter() - begun < _PATIENCE:
        answer = client.get(f"/api/v2/video-analysis/status/{video_id}")
        answer.raise_for_status()
        job = answer.json()
        now = time.perf_counter()
        if job["status"] in {"completed", "failed"}:
            assert job["status"] == "completed", job["error_message"]
            found = client.get(f"/api/v2/videos/{video_id}/scenes").json()
            return steps, now - begun, found["count"]
        step = job["current_step"] or "waiting"
        steps[step] = steps.get(step, 0.0) + now - last
        last = now
        time.sleep(0.25)
    raise TimeoutError(video_id)


if __name__ == "__main__":
    report([run(reads_text="--no-ocr" not in sys.argv)])
