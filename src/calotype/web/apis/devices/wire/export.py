"""Exports of batches."""

from __future__ import annotations

from typing import Literal

from calotype.web.shared.wire_model import Wire


class ExportQuery(Wire):
    """What the labels are written as."""

    format: Literal["coco", "yolo", "jsonl"]
