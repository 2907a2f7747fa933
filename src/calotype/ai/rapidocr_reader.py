"""Reads the text in pictures with RapidOCR, whose models (PP-OCRv6) come in its wheel.

Detection in full costs five times what all other work on a photo does, and most photos show no text. So a
picture is first glanced at in half its size, and looked at in full only when the glance finds small text.
Measured with one thread on 1024 x 683 pixels: 260 ms in full, 55 ms at the glance, 20 ms for each line read.
"""

from __future__ import annotations

import contextlib
import functools
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calotype.domain.description import TextLine, TextReading
from calotype.domain.errors import Unavailable, UndecodablePicture

LONGEST_TEXT = 20_000
LOWEST_CONFIDENCE = 0.5
_SURE = 0.8

_GLANCE = 512
_FULL = 1024
# Text of this height at the glance, in pixels of it, is found there as exactly as it needs to be.
_TALL_AT_GLANCE = 28.0
# A page of small print has some 100 lines; beyond this it is texture that looks like print.
_MOST_REGIONS = 300
# Strips flatter than this ratio are padded, or the detector sees nothing in them.
_FLATTEST = 8

Pixels = NDArray[np.uint8]
Boxes = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Engine:
    """The loaded models: `ocr` recognises, `detector` finds regions within a longer side that can be set."""

    ocr: Any
    detector: Any

    def find(self, pixels: Pixels, longer_side: int) -> Boxes:
        """Regions that look like text, shape (n, 4, 2): corners clockwise from the top left, in pixels."""
        self.detector.limit_side_len = longer_side
        boxes = self.detector(pixels).boxes
        if boxes is None or len(boxes) == 0:
            return np.empty((0, 4, 2))
        return np.asarray(boxes, dtype=np.float64)

    def recognise(self, pixels: Pixels, boxes: Boxes) -> list[tuple[str, float]]:
        """The text and confidence of each region."""
        crops = self.ocr.crop_text_regions(pixels, boxes.astype(np.float32))
        read = self.ocr.recognize_txt(crops)
        return [(str(text), float(score)) for text, score in zip(read.txts, read.scores, strict=True)]


def read_text(data: bytes, *, careful: bool = False) -> TextReading:
    """Read the text in an encoded picture, best the 1024-pixel variant, from top to bottom.

    With `careful`, small faint text is looked for as well: 200 ms more for a picture without text. Lines
    under 0.5 confidence are dropped; the text is NFC, at most 20,000 characters. Raises `UndecodablePicture`,
    and `Unavailable` when the models are not installed. Meant for the sandbox: takes one core, 0.5 GB of
    memory, and 1.2 s to load the models at the first call.
    """
    decoded = _decode(data)
    pixels, above = _padded(decoded)
    engine = _engine()
    boxes = _regions(engine, pixels, careful=careful)[:_MOST_REGIONS]
    if len(boxes) == 0:
        return TextReading("", None)
    found = engine.recognise(pixels, boxes)
    boxes[:, :, 1] -= above
    height, width = decoded.shape[:2]
    lines = [
        TextLine(cleaned, score, _outline(box, width, height))
        for box, (text, score) in zip(boxes, found, strict=True)
        if _believable(cleaned := _clean(text), score)
    ]
    return _reading(in_reading_order(lines))


def in_reading_order(lines: list[TextLine]) -> list[TextLine]:
    """Sort lines into rows from top to bottom, and within a row from left to right.

    A line belongs to a row when the middle of its height lies within the row's first line.
    """
    ordered: list[TextLine] = []
    row: list[TextLine] = []
    for line in sorted(lines, key=lambda line: (line.box[1] + line.box[3], line.box[0])):
        middle = (line.box[1] + line.box[3]) / 2
        if row and not row[0].box[1] <= middle <= row[0].box[3]:
            ordered += sorted(row, key=lambda part: part.box[0])
            row = []
        row.append(line)
    return ordered + sorted(row, key=lambda part: part.box[0])


def _regions(engine: _Engine, pixels: Pixels, *, careful: bool) -> Boxes:
    longer_side = max(pixels.shape[:2])
    if careful or longer_side <= _GLANCE:
        return engine.find(pixels, _FULL)
    boxes = engine.find(pixels, _GLANCE)
    if len(boxes) == 0:
        return boxes
    heights = np.minimum(
        np.linalg.norm(boxes[:, 0] - boxes[:, 1], axis=1), np.linalg.norm(boxes[:, 0] - boxes[:, 3], axis=1)
    )
    if heights.min() * _GLANCE / longer_side >= _TALL_AT_GLANCE:
        return boxes
    return engine.find(pixels, _FULL)


def _reading(lines: list[TextLine]) -> TextReading:
    text = "\n".join(line.text for line in lines)[:LONGEST_TEXT].strip()
    letters = sum(len(line.text) for line in lines)
    if not letters:
        return TextReading("", None)
    confidence = sum(line.confidence * len(line.text) for line in lines) / letters
    return TextReading(text, confidence, tuple(lines))


def _believable(text: str, score: float) -> bool:
    """Whether a line is text: leaves and branches are readily read as one doubtful letter, or as a dash."""
    letters = sum(letter.isalnum() for letter in text)
    return score >= (LOWEST_CONFIDENCE if letters > 1 else _SURE) and letters > 0


def _clean(text: str) -> str:
    normal = unicodedata.normalize("NFC", text)
    kept = "".join(letter if letter.isprintable() else " " for letter in normal)
    return " ".join(kept.split())


def _outline(box: Boxes, width: int, height: int) -> tuple[float, float, float, float]:
    xs = np.clip(box[:, 0] / width, 0, 1)
    ys = np.clip(box[:, 1] / height, 0, 1)
    return float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max())


def _decode(data: bytes) -> Pixels:
    import cv2

    try:
        pixels = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error as error:
        raise UndecodablePicture(f"the picture cannot be decoded: {error}") from error
    if pixels is None:
        raise UndecodablePicture("the picture cannot be decoded")
    decoded: Pixels = pixels
    return decoded


def _padded(pixels: Pixels) -> tuple[Pixels, int]:
    """Pixels no flatter than the detector can use, and the rows added above."""
    import cv2

    height, width = pixels.shape[:2]
    missing = max(32, width // _FLATTEST) - height
    if missing <= 0:
        return pixels, 0
    above = missing // 2
    border = cv2.copyMakeBorder(pixels, above, missing - above, 0, 0, cv2.BORDER_REPLICATE)
    return border, above


@functools.cache
def _engine() -> _Engine:
    try:
        import cv2
        import rapidocr
        from rapidocr.main import RapidOCRError
    except ImportError as error:
        raise Unavailable(f"the text reading model is not installed: {error}") from error
    cv2.setNumThreads(1)
    ocr = rapidocr.RapidOCR(params=_parameters(Path(rapidocr.__file__).parent / "models"))
    # The detector is made with its first use; a blank picture has no regions, which is told by an error.
    with contextlib.suppress(RapidOCRError):
        ocr.detect_and_crop(np.zeros((64, 64, 3), dtype=np.uint8), {})
    return _Engine(ocr, ocr.text_det)


def _parameters(models: Path) -> dict[str, Any]:
    """Settings of RapidOCR with every path given, because it downloads what it is not given."""
    detection, recognition = models / "PP-OCRv6_det_small.onnx", models / "PP-OCRv6_rec_small.onnx"
    for path in (detection, recognition):
        if not path.is_file():
            raise Unavailable(f"the text reading model is not installed: {path.name} is missing")
    return {
        "Global.log_level": "critical",
        # Variants are upright already, and turned lines cost more to look for than they are worth.
        "Global.use_cls": False,
        "Det.model_path": str(detection),
        "Det.limit_type": "max",
        "Det.limit_side_len": _FULL,
        "Rec.model_path": str(recognition),
        # Short words are not padded to the usual 320 pixels, nor to long neighbours: a third less work.
        "Rec.rec_img_shape": [3, 48, 96],
        "Rec.rec_batch_num": 3,
        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        "EngineConfig.onnxruntime.enable_cpu_mem_arena": False,
    }
