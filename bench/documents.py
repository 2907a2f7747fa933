"""Reading documents on one core: pages of text PDFs a second, beside a bare loop of pypdfium2 over the same file.

    python -m bench.documents [rounds]

The bare loop opens the file and asks every page for its text, which is what most programs do. Both take turns in one process,
and the figures are those of the fastest round of each. Seconds are those of the processor, which tell more on a machine where
others are at work, too. Memory is measured in a process of its own for each number of pages.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.documents_made import made_docx, prose, text_pdf

from bench.report import report
from calotype.documents.docx_check import check_docx
from calotype.documents.pdf import draw_page
from calotype.documents.read import read_document

PAGES, MANY_PAGES = 200, 2000
ROUNDS = 5
PICTURE_SIDE = 1024
OCR_SIDE = 2400
DRAWN = 10


def run(rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Read, draw and check made documents."""
    with tempfile.TemporaryDirectory(prefix="calotype-bench-") as folder:
        book = Path(folder) / "book.pdf"
        book.write_bytes(text_pdf([prose(number) for number in range(PAGES)]))
        long_book = Path(folder) / "long.pdf"
        long_book.write_bytes(text_pdf([prose(number) for number in range(MANY_PAGES)]))
        letter = Path(folder) / "letter.docx"
        letter.write_bytes(made_docx(_fill))
        return [
            _against_bare(f"read_document, PDF of {PAGES} pages", book, PAGES, rounds),
            _against_bare(f"read_document, PDF of {MANY_PAGES} pages", long_book, MANY_PAGES, max(1, rounds // 3))
            | {"growth_of_memory_megabytes": _memory(long_book) - _memory(book)},
            _drawing(book, rounds),
            _docx(letter, rounds),
        ]


def _fill(document: Any) -> None:
    for chapter in range(20):
        document.add_heading(f"Chapter {chapter}", 1)
        for page in range(5):
            document.add_paragraph(" ".join(prose(chapter * 5 + page, lines=10)))
        table = document.add_table(10, 4)
        for at, word in enumerate(prose(chapter, lines=4)[1].split()[:10]):
            table.cell(at, 0).text = word


def read(path: Path) -> None:
    """Read a PDF as the server does."""
    read_document(str(path), "pdf", max_characters=100_000_000, max_pages=5000, picture_side=PICTURE_SIDE)


def bare(path: Path) -> None:
    """Ask every page for its text."""
    import pypdfium2 as pdfium

    with pdfium.PdfDocument(path) as document:
        for page in document:
            text = page.get_textpage()
            text.get_text_bounded()
            text.close()
            page.close()


def _against_bare(name: str, path: Path, pages: int, rounds: int) -> dict[str, Any]:
    ours, floors = [], []
    for _ in range(rounds):
        floors.append(_seconds(lambda: bare(path)))
        ours.append(_seconds(lambda: read(path)))
    return {
        "bench": name,
        "bytes": path.stat().st_size,
        "pages_a_second": round(pages / min(ours)),
        "bare_pages_a_second": round(pages / min(floors)),
        "ratio_to_bare": round(min(floors) / min(ours), 2),
        "ratios_of_rounds": [round(floor / our, 2) for floor, our in zip(floors, ours, strict=True)],
    }


def _drawing(path: Path, rounds: int) -> dict[str, Any]:
    drawn = [
        _seconds(lambda number=number: draw_page(str(path), number, longest_side=OCR_SIDE))
        for _ in range(rounds)
        for number in range(1, DRAWN + 1)
    ]
    return {
        "bench": f"draw_page, {OCR_SIDE} pixels at the longer side",
        "milliseconds": round(statistics.median(drawn) * 1000, 1),
        "fastest_milliseconds": round(min(drawn) * 1000, 1),
    }


def _docx(path: Path, rounds: int) -> dict[str, Any]:
    def whole() -> None:
        read_document(str(path), "docx", max_characters=100_000_000, max_pages=5000, picture_side=PICTURE_SIDE)

    return {
        "bench": "check_docx and read_document, DOCX of 100 paragraphs and 20 tables",
        "bytes": path.stat().st_size,
        "check_milliseconds": round(min(_seconds(lambda: check_docx(str(path))) for _ in range(rounds * 5)) * 1000, 2),
        "read_milliseconds": round(min(_seconds(whole) for _ in range(rounds)) * 1000, 1),
    }


def _memory(path: Path) -> int:
    """The most memory of a process that reads this file, in megabytes."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.documents", "--memory", str(path)], check=True, capture_output=True, text=True
    )
    return round(int(done.stdout) / 1024)


def peak_memory() -> int:
    """The most memory this process has had, in kilobytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    if "--memory" in sys.argv:
        read(Path(sys.argv[-1]))
        print(peak_memory())
    else:
        report(run(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))
