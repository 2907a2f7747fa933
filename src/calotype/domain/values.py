"""Rules for values clients send: tags, titles, file names. Every door and every service uses these and no others."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from calotype.domain.errors import InvalidInput

MAX_TAGS = 40
MAX_TAG_LENGTH = 50
MAX_TITLE_LENGTH = 255
MAX_FILENAME_LENGTH = 255

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def clean_text(value: str, field: str) -> str:
    """Refuse NUL characters and lone surrogates, which no database can store."""
    if "\x00" in value:
        raise InvalidInput(f"{field} must not contain NUL characters", field=field)
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidInput(f"{field} must be valid Unicode text", field=field)
    return value


def clean_title(value: str | None, field: str = "title", *, most: int = MAX_TITLE_LENGTH) -> str | None:
    """Trim a title; an empty one is None. Raises InvalidInput above so many characters."""
    if value is None:
        return None
    title = clean_text(value, field).strip()
    if len(title) > most:
        raise InvalidInput(f"{field} must have at most {most} characters", field=field)
    return title or None


def clean_tags(values: Iterable[str], field: str = "tags") -> tuple[str, ...]:
    """Trim tags, drop empty and repeated ones, keep order and case. Raises InvalidInput above 40 tags or 50 characters."""
    tags = tuple(dict.fromkeys(tag for value in values if (tag := clean_text(value, field).strip())))
    if len(tags) > MAX_TAGS:
        raise InvalidInput(f"at most {MAX_TAGS} tags are allowed", field=field)
    for tag in tags:
        if len(tag) > MAX_TAG_LENGTH:
            raise InvalidInput(f"a tag must have at most {MAX_TAG_LENGTH} characters", field=field)
    return tags


def split_list(text: str) -> list[str]:
    """Split a comma-separated list, as forms and queries carry it."""
    return [item for part in text.split(",") if (item := part.strip())]


def clean_filename(value: str) -> str:
    """Keep the last path segment of a file name without control characters, in NFC; nothing left, or only dots, becomes `file`.

    At most 255 characters, the ending kept where there is one.
    """
    segment = re.split(r"[/\\]", value)[-1]
    printable = "".join(c for c in segment if unicodedata.category(c) not in {"Cc", "Cs"})
    name = unicodedata.normalize("NFC", printable).strip()
    if len(name) > MAX_FILENAME_LENGTH:
        stem, dot, ending = name.rpartition(".")
        name = (
            f"{stem[: MAX_FILENAME_LENGTH - len(ending) - 1]}.{ending}"
            if dot and len(ending) <= 16
            else name[:MAX_FILENAME_LENGTH]
        )
    return name.rstrip() if name.strip(". ") else "file"


def safe_filename(name: str) -> str:
    """An ASCII form of a file name that may stand in an object key: letters, digits, dot, dash, underscore; 100 at most."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    safe = _UNSAFE.sub("_", ascii_name).strip("._")
    if len(safe) > 100:
        stem, dot, ending = safe.rpartition(".")
        safe = f"{stem[: 99 - len(ending)]}.{ending}" if dot and len(ending) <= 16 else safe[:100]
    return safe or "file"


def storable(text: str) -> str:
    """A text of unknown origin as the database can hold it: without NUL, and with a sign in the place of half characters."""
    return text.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
