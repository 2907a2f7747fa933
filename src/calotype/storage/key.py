"""The form of an object's key."""

from __future__ import annotations

from calotype.domain.errors import InvalidInput

MAX_KEY_BYTES = 1024  # S3's limit, in UTF-8: "Creating object key names", Amazon S3 user guide
MAX_SEGMENT_BYTES = 255  # the limit of a file's name on every common Linux file system
TEMPORARY = ".tmp"


def check_key(key: str) -> str:
    """Return `key` when it is a relative path of plain segments, else raise `InvalidInput`.

    Segments are separated by `/`, are 1 to 255 bytes of printable characters other than a backslash, and none
    is `.` or `..`. The whole is at most 1,024 bytes. The first segment `.tmp` is kept for unfinished files.
    """
    if not key.isprintable() or "\\" in key:
        raise _refusal("An object key has only printable characters and no backslash", key)
    if len(key.encode()) > MAX_KEY_BYTES:
        raise _refusal(f"An object key has at most {MAX_KEY_BYTES} bytes", key)
    segments = key.split("/")
    for segment in segments:
        if segment in {"", ".", ".."} or len(segment.encode()) > MAX_SEGMENT_BYTES:
            raise _refusal(f"Each part of an object key is a name of 1 to {MAX_SEGMENT_BYTES} bytes", key)
    if segments[0] == TEMPORARY:
        raise _refusal(f"{TEMPORARY} is kept for unfinished files", key)
    return key


def check_prefix(prefix: str) -> str:
    """Return the folder `prefix` without its closing slash ("" is the whole store).

    Raises `InvalidInput`.
    """
    return check_key(prefix.removesuffix("/")) if prefix else ""


def check_range(start: int, end: int | None) -> None:
    """Raise `InvalidInput` for positions before the first byte."""
    if start < 0 or (end is not None and end < 0):
        raise InvalidInput("A position in an object is not negative", field="range")


def _refusal(reason: str, key: str) -> InvalidInput:
    return InvalidInput(reason, field="key", key=key[:MAX_KEY_BYTES])
