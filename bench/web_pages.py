"""Milliseconds to read a web page, against the bare library that finds the text in it; the aim is 12 ms for 50 to 100 kB.

Run as `python -m bench.web_pages [rounds]`. The pages are made: articles amid menus and teasers, in turn by both, processor time.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import trafilatura
from tests.documents.pages import URL, article

from bench.report import report
from calotype.documents.html_page import read_page

ROUNDS = 15
SHAPES = ((70, 30), (110, 60), (150, 150), (20, 400))  # paragraphs and teasers


def run(rounds: int = ROUNDS) -> dict[str, Any]:
    """Read each page `rounds` times, and have the library alone do so in both of its modes."""
    pages = [article(*shape).encode() for shape in SHAPES]
    times: dict[str, list[float]] = {"ours": [], "bare_quick": [], "bare_thorough": []}
    for page in pages:
        read_page(page, URL, None)
        taken: dict[str, list[float]] = {name: [] for name in times}
        for _ in range(rounds):
            taken["ours"].append(_milliseconds(lambda page=page: read_page(page, URL, None)))
            taken["bare_quick"].append(_milliseconds(lambda page=page: trafilatura.extract(page, fast=True)))
            taken["bare_thorough"].append(_milliseconds(lambda page=page: trafilatura.extract(page)))
        for name, values in taken.items():
            times[name].append(statistics.median(values))
    return {
        "bench": "web_pages",
        "kilobytes": [len(page) // 1000 for page in pages],
        **{f"{name}_ms": [round(value, 1) for value in values] for name, values in times.items()},
    }


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000


if __name__ == "__main__":
    report([run(*map(int, sys.argv[1:]))])
