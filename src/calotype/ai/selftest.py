"""Do the models load and answer on this machine? Each is asked something with a known answer."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from calotype.ai.wav import RATE, write_samples

NOT_INSTALLED = "not installed: its package has no build for this platform"


def selftest() -> dict[str, str | None]:
    """Load and use every model: its name ("ocr", "embedding") to None when it works, otherwise the reason."""
    return {"ocr": _reason(_read), "embedding": _reason(_embed)}


def write_sample(folder: Path) -> Path:
    """A new WAV file with a second of sound that transcribers take, though nothing is said in it."""
    import numpy as np

    time = np.arange(RATE) / RATE
    path = folder / "sample.wav"
    write_samples(path, 0.1 * np.sin(2 * np.pi * 440 * time))
    return path


def _reason(check: Callable[[], str | None]) -> str | None:
    try:
        return check()
    except Exception as error:  # whatever is broken here is what this looks for
        return f"{type(error).__name__}: {error}"


def _read() -> str | None:
    import cv2
    import numpy as np

    from calotype.ai.rapidocr_reader import read_text

    paper = np.full((96, 360, 3), 255, dtype=np.uint8)
    cv2.putText(paper, "HELLO 42", (30, 65), cv2.FONT_HERSHEY_SIMPLEX, 1.8, (0, 0, 0), 4)
    read = read_text(cv2.imencode(".png", paper)[1].tobytes()).text
    return None if "HELLO" in read else f"it read {read!r} where HELLO 42 is written"


def _embed() -> str | None:
    if find_spec("wordllama") is None:
        return NOT_INSTALLED
    from calotype.ai.wordllama_embedder import WordLlamaEmbedder

    dog, puppy, invoice = WordLlamaEmbedder().embed(["a dog on the beach", "puppy at the sea", "unpaid invoice"])
    return None if float(dog @ puppy) > float(dog @ invoice) else "it finds unlike texts alike"
