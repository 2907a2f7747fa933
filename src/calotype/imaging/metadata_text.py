"""Text from metadata, made safe to store and show: normalised, printable, and of bounded length."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")
_BLANKS = re.compile(r"\s+")
_MOST_KEYWORDS = 500
# What cameras and programs write when nobody described the picture.
_EMPTY_CAPTIONS = frozenset({
    "ascii", "binary comment", "casio computer co.,ltd", "cof", "dav", "dcim", "default", "digital camera",
    "digital still camera", "dsc", "edf", "exif_jpeg_picture", "exif jpeg", "exif_jpeg_420", "hdr", "hdrpl", "image",
    "jpeg", "kodak digital still camera", "konica minolta digital camera", "lead technologies inc. v1.01",
    "medion digital camera", "minolta digital camera", "nor", "null", "none", "olympus digital camera", "oznor", "oznorwo",
    "pentax digital camera", "polaroid", "rhdr", "samsung", "samsung camera pictures", "samsung digital camera", "sdr",
    "sony dsc", "untitled", "untitled-1", "vivid",
})  # fmt: skip


def clean(text: str, longest: int) -> str | None:
    """The text in NFC, without control characters, at most `longest` characters; None if it is blank."""
    # Normalisation can shorten, so a little more than the bound goes in.
    text = _CONTROLS.sub("", text[: longest * 4])
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return text.strip()[:longest].rstrip() or None


def clean_line(text: str, longest: int) -> str | None:
    """The same, on one line: every run of blanks is one space."""
    return clean(_BLANKS.sub(" ", text[: longest * 4]), longest)


def caption(texts: Iterable[str], longest: int) -> str | None:
    """The first text that somebody wrote: one that is not blank and not a camera's own default."""
    for text in texts:
        cleaned = clean(text, longest)
        if cleaned is not None and _BLANKS.sub(" ", cleaned).casefold() not in _EMPTY_CAPTIONS:
            return cleaned
    return None


def keywords(words: Iterable[str], longest: int) -> tuple[str, ...]:
    """At most 500 keywords in their order, without those that repeat an earlier one but for its case."""
    found: dict[str, str] = {}
    for word in words:
        cleaned = clean_line(word, longest)
        if cleaned is not None:
            found.setdefault(cleaned.casefold(), cleaned)
        if len(found) >= _MOST_KEYWORDS:
            break
    return tuple(found.values())


def camera(make: str, model: str, longest: int) -> tuple[str | None, str | None]:
    """Make and model without doubled names: of `NIKON CORPORATION` and `NIKON D750` the model is `D750`."""
    maker = clean_line(make, longest)
    name = clean_line(model, longest)
    if maker is None or name is None:
        return maker, name
    words = name.split(" ")
    first = maker.split(" ")[0].casefold()
    if name.casefold().startswith(maker.casefold() + " "):
        words = name[len(maker) + 1 :].split(" ")
    while len(words) > 1 and words[0].casefold() == first:
        words = words[1:]
    return maker, " ".join(words)
