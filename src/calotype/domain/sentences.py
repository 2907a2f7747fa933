"""Where sentences end: enough of the rules of writing to take texts of strangers apart, and to end them properly."""

from __future__ import annotations

import re
import sys

_ENDERS = ".!?\u2026"
_WIDE_ENDERS = "\u3002\uff0e\uff61\uff01\uff1f"  # of Chinese and Japanese, which put no space behind them
_OTHER_ENDERS = "\u061f\u06d4\u0964\u0965\u1362\u0589"  # of Arabic, Urdu, Hindi, Amharic, Armenian
_MARKS = _ENDERS + _WIDE_ENDERS + _OTHER_ENDERS
_CLOSERS = "\"')\\]\u00bb\u2019\u201d\u300d\u300f\uff09"
# One run of marks, so that no text makes the search slow; what stands behind it decides whether a sentence ends there.
_END = re.compile(rf"[{_MARKS}]+[{_CLOSERS}]*")
_LAST = re.compile(rf"[{_MARKS}][{_CLOSERS}]*\Z")
_WIDE = re.compile(rf"[{_WIDE_ENDERS}]")
_WIDE_LAST = re.compile(rf"[{_WIDE_ENDERS}][{_CLOSERS}]*\Z")
_WORD = re.compile(rf"[^\s(\[\"'\u201c\u2018{_WIDE_ENDERS}{_OTHER_ENDERS}!?\u2026]{{1,24}}\Z")
_HAN_OR_KANA = re.compile("[\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]\\Z")
_WITHOUT_STOPS = re.compile("[\u0e00-\u0eff\u1780-\u17ff]\\Z")  # Thai, Lao, Khmer: a space ends a sentence, or nothing
# Short forms that are written with a full stop and mostly stand before a capital letter.
_SHORT = frozenset(
    {
        *("adm", "al", "approx", "apt", "ave", "bldg", "blvd", "brig", "ca", "capt", "cf", "cmdr", "co", "col", "corp"),
        *("cpl", "dept", "dr", "ed", "est", "fig", "fr", "ft", "gen", "gov", "hon", "hwy", "inc", "jr", "lt", "ltd"),
        *("maj", "messrs", "mme", "mlle", "mr", "mrs", "ms", "mt", "nos", "nr", "op", "pg", "pl", "pres", "prof", "pt"),
        *("rd", "rep", "rev", "sen", "sgt", "sq", "sr", "st", "ste", "str", "vol", "vs"),
    }
)


def sentences(text: str) -> list[str]:
    """The sentences of a text of one line, trimmed, in their order; pieces without a single letter are left out.

    A full stop ends a sentence only before a blank that is followed by anything but a small letter, and not behind initials
    (`U.S. flag`), short forms (`Dr. Smith`, `St. Mark's`) or inside numbers (`f/2.8`). Wide full stops always do.
    """
    found: list[str] = []
    start = 0
    for match in _END.finditer(text):
        if _ends(text, match):
            found.append(text[start : match.end()].strip())
            start = match.end()
    found.append(text[start:].strip())
    return [sentence for sentence in found if any(character.isalpha() for character in sentence)]


def last_end(text: str, start: int, stop: int) -> int | None:
    """Where the last of the sentences ends that end behind `start` and not behind `stop`; the text may have several lines."""
    found = reversed(list(_END.finditer(text, start, stop)))
    return next((match.end() for match in found if _ends(text, match)), None)


def first_end(text: str, start: int, stop: int = sys.maxsize) -> int | None:
    """Where the first of those sentences ends."""
    return next((match.end() for match in _END.finditer(text, start, stop) if _ends(text, match)), None)


def ended(sentence: str) -> str:
    """A sentence with a mark at its end: one that has none gets the full stop of its script."""
    if _LAST.search(sentence) or _WITHOUT_STOPS.search(sentence):
        return sentence
    bare = sentence.rstrip(" ,;:-\u2013\u2014\u3001\uff0c\uff1a")
    if _LAST.search(bare):
        return bare
    return bare + ("\u3002" if _HAN_OR_KANA.search(bare) else ".")


def joined(before: str, sentence: str) -> str:
    """Two sentences behind each other, as their script does it: wide full stops bring their own space."""
    close = not before or (sentence[:1].isalnum() and _WIDE_LAST.search(before))
    return before + sentence if close else f"{before} {sentence}"


def without_ends(text: str) -> str:
    """A text to be quoted inside a sentence: marks that could end one are left out, those inside of numbers and words stay."""
    return " ".join(_END.sub(_without_end, text).split())


def _without_end(match: re.Match[str]) -> str:
    if _WIDE.search(match[0]):
        return match[0].lstrip(_MARKS) + " "
    inside = match.string[match.end() : match.end() + 1].isalnum() and match[0] == match[0].rstrip(_CLOSERS)
    return match[0] if inside else match[0].lstrip(_MARKS)  # what closes a quotation belongs to what came before


def _ends(text: str, match: re.Match[str]) -> bool:
    rest = text[match.end() : match.end() + 8]
    if not rest or _WIDE.search(match[0]):
        return True
    if not rest[0].isspace():
        return False
    following = rest.lstrip(" \"'(\u00ab\u201c\u2018")
    if following[:1].islower():
        return False
    return match[0] != "." or not _is_short(text[max(0, match.start() - 24) : match.start()])


def _is_short(before: str) -> bool:
    """Whether a word is written with a full stop wherever it stands: an initial, or one of the short forms."""
    found = _WORD.search(before)
    if found is None:
        return False
    word = found[0].rpartition(".")[2].rpartition("-")[2]
    return (len(word) == 1 and word.isalpha() and not _HAN_OR_KANA.search(word)) or word.lower() in _SHORT
