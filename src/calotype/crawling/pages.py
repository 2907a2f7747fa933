"""Pages that hold a video: how they are told from files, and what is known of the program that reads them."""

from __future__ import annotations

import importlib.metadata
import re
from dataclasses import dataclass

EXTRA = "calotype[download]"
"""The optional extra that brings the program which reads pages."""

HEAD_BYTES = 1024
"""How much of a file tells what it is here."""

_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_PAGE_START = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:\s|<!--.*?-->|<\?xml[^>]*>)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_STREAM_STARTS = {b"#EXTM3U": "HLS", b"<MPD": "DASH"}


@dataclass(frozen=True, slots=True)
class PageVideo:
    """What was found on a page: the name of the file in the folder that was given, the video's title, and the site's name."""

    filename: str
    title: str | None
    site: str


def is_page(content_type: str | None, head: bytes) -> bool:
    """Whether an answer is a page rather than a file, by its first bytes; its media type counts where they may be text."""
    if _PAGE_START.match(head):
        return True
    return content_type in _PAGE_TYPES and b"\0" not in head


def stream_in(head: bytes) -> str | None:
    """The name of the kind of stream that a file only lists the pieces of; None for anything else."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<?xml"):
        text = text.partition(b">")[2].lstrip()
    return next((kind for start, kind in _STREAM_STARTS.items() if text.startswith(start)), None)


def page_reader() -> str | None:
    """The version of the program that reads pages; None where it is not installed."""
    try:
        return importlib.metadata.version("yt-dlp")
    except importlib.metadata.PackageNotFoundError:
        return None
