"""What ten minutes of sound cost beside the speech model itself: the child, the detector of voices, the spectrum, the times.

Run as `python -m bench.speech [folder of a Whisper model] [rounds]`. Without a folder the model is one that nobody trained and
that costs next to nothing, so what is measured is everything but the model; with one, all of it.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.whisper_models import make_whisper, write_speech

from bench.report import report
from calotype.bootstrap.transcriber import open_speech
from calotype.settings import Settings

SECONDS = 600


def run(model: str | None = None, rounds: int = 3) -> dict[str, Any]:
    """The first piece, with which the model is loaded, then others; the most memory and addresses the child held."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sound = write_speech(folder / "speech.wav", SECONDS)
        seconds, memory = asyncio.run(_measure(model or str(make_whisper(folder / "model")), sound, rounds))
    later = statistics.median(seconds[1:])
    return {
        "bench": f"ten minutes of sound, {'a model of your own' if model else 'without the model itself'}",
        "first_s": round(seconds[0], 2),
        "later_median_s": round(later, 2),
        "times_real_time": round(SECONDS / later),
        "resident_mib": memory["VmHWM"] // 1024,
        "addresses_mib": memory["VmPeak"] // 1024,
    }


async def _measure(model: str, sound: Path, rounds: int) -> tuple[list[float], dict[str, int]]:
    speech = open_speech(Settings(speech_model=model))
    assert speech.transcriber
    assert speech.sandbox
    seconds = []
    try:
        for _ in range(rounds + 1):
            started = time.perf_counter()
            await speech.transcriber.transcribe(sound)
            seconds.append(time.perf_counter() - started)
        status = await asyncio.to_thread(Path(f"/proc/{speech.sandbox.pids[0]}/status").read_text)
    finally:
        await speech.aclose()
    lines = (line.split() for line in status.splitlines() if line.startswith(("VmHWM", "VmPeak")))
    return seconds, {words[0].rstrip(":"): int(words[1]) for words in lines}


if __name__ == "__main__":
    chosen = sys.argv[1] if len(sys.argv) > 1 else None
    report([run(chosen, int(sys.argv[2]) if len(sys.argv) > 2 else 3)])
