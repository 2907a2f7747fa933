"""What publishing a picture takes: title, alternative text, caption, description, file name and tags, by fixed rules.

Whatever a model answers is brought into these rules, or refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from calotype.domain.errors import DescriptionFailed
from calotype.domain.sentences import ended, joined, sentences

LONGEST_TITLE = 70
LONGEST_ALT = 125
LONGEST_CAPTION = 400
LONGEST_DESCRIPTION = 2000
LONGEST_FILENAME = 60
LONGEST_TAG = 50
MOST_SENTENCES = 4
FEWEST_TAGS = 3
MOST_TAGS = 20
"""Most characters, sentences and tags; those of caption and description are ours, the others are what publishers ask for."""

_READ = 5  # times what may be kept is looked at: enough for what is left out, and nothing that could be slow
_MOST_LISTED = 500  # tags that are looked at
_BLANKS = re.compile(r"\s+")
# What nobody sees and what turns the direction of writing around; joiners stay, for emoji and for Persian need them.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb\ufffe\uffff"
    "\ud800-\udfff\U000e0000-\U000e0fff]+"
)
# A joiner or a mark that would be cut from what it belongs to.
_JOINED = re.compile("[\u200c\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]")
_PICTURE_OF = re.compile(
    r"[\W_]*(?:this is |here is )?(?:an? |the |this )?(?:image|picture|photo|photograph|pic)"
    r"(?: (?:of|showing|depicting|that shows)\b)[\W_]*",
    re.IGNORECASE,
)
_FORBIDDEN_START = "image of"
_FULL_STOPS = " .\u2026\u3002\uff0e\uff61"
_LOOSE_END = " ,;:/&+([{-\u2013\u2014\u3001\uff0c"
_ENDING = re.compile(r"(?:\.(?:jpe?g|jfif|png|gif|webp|avif|hei[cf]|tiff?|bmp|svg|jxl))+\s*\Z")
_NOT_IN_FILENAMES = re.compile(r"[^a-z0-9]+")
_APOSTROPHES = str.maketrans("", "", "'\u2019\u02bc`")
# Letters that no decomposition brings to ASCII.
_LETTERS = str.maketrans({
    "\u00e6": "ae", "\u0153": "oe", "\u00f8": "o", "\u0142": "l", "\u0111": "d", "\u00f0": "d", "\u00fe": "th", "\u0131": "i",
    "\u0127": "h", "\u014b": "ng", "\u0167": "t", "\u00df": "ss",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class DescriptiveMetadata:
    """How a picture is published; made by `conforming`, whose rules it keeps."""

    title: str
    alt: str
    caption: str
    description: str
    filename: str
    tags: tuple[str, ...]


def conforming(
    title: object, alt: object, caption: object, description: object, filename: object, tags: object
) -> DescriptiveMetadata:
    """Bring what a model answered into the rules. What conforms already stays as it is.

    - title: at most 70 characters, cut at a word, no full stop at its end
    - alt: at most 125 characters, never begins with "image of" or the like
    - caption: one sentence
    - description: one to four sentences
    - filename: lower-case ASCII letters, digits and single hyphens, at most 60, no ending; made of title or tags where nothing
      is left of it
    - tags: 3 to 20 different ones in lower case, each at most 50 characters, without `#`

    All of them on one line, in NFC, without control characters, halves of surrogate pairs, and marks that turn the direction
    of writing. Raises DescriptionFailed naming the key (`key` in the context) that is missing, of another type, or empty.
    """
    made_title = _title(_text(title, "title", LONGEST_TITLE))
    made_tags = _tags(tags)
    return DescriptiveMetadata(
        title=made_title,
        alt=_alt(_text(alt, "alt", LONGEST_ALT)),
        caption=_caption(_text(caption, "caption", LONGEST_CAPTION)),
        description=_description(_text(description, "description", LONGEST_DESCRIPTION)),
        filename=_filename(filename, made_title, made_tags),
        tags=made_tags,
    )


def distinct_filename(base: str, taken: Collection[str]) -> str:
    """The first of base, base-2, base-3, ... that is not taken, all within 60 characters."""
    used = taken if isinstance(taken, set | frozenset | dict) else set(taken)
    name, number = base, 1
    while name in used:
        number += 1
        suffix = f"-{number}"
        name = base[: LONGEST_FILENAME - len(suffix)].rstrip("-") + suffix
    return name


def one_line(text: str, longest: int) -> str:
    """A text of a stranger on one line: in NFC, without what nobody sees; of one too long only the first part is looked at."""
    read = text[: longest * _READ]
    cleaned = _BLANKS.sub(" ", _UNSEEN.sub("", _BLANKS.sub(" ", read)))
    return _nfc(cleaned).strip()


def cut(text: str, longest: int) -> str:
    """At most so many characters, cut at a word where there are words, without what hangs loose at the end then."""
    if len(text) <= longest:
        return text
    head = text[:longest]
    if not text[longest].isspace():
        words = head.rpartition(" ")[0]
        head = words if 2 * len(words) >= longest else _whole_characters(text, longest)
    return head.rstrip(_LOOSE_END)


def _whole_characters(text: str, end: int) -> str:
    """The beginning of a text up to about `end`, not cut within what is seen as one character."""
    start = end
    while start > end // 2 and (
        _JOINED.match(text[start]) or unicodedata.combining(text[start]) or text[start - 1] == "\u200d"
    ):
        start -= 1
    return text[:start]


def _nfc(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _text(value: object, key: str, longest: int) -> str:
    if not isinstance(value, str):
        raise _unusable(key, "is missing" if value is None else "is no text")
    text = one_line(value, longest)
    if not any(character.isalpha() for character in text):
        raise _unusable(key, "says nothing")
    return text


def _unusable(key: str, why: str) -> DescriptionFailed:
    return DescriptionFailed(f"the model's answer cannot be used: its {key} {why}", key=key)


def _title(text: str) -> str:
    title = cut(text.rstrip(_FULL_STOPS), LONGEST_TITLE).rstrip(_FULL_STOPS)
    return _still_says(title, "title")


def _still_says(text: str, key: str) -> str:
    if not any(character.isalpha() for character in text):
        raise _unusable(key, "says nothing")
    return text


def _alt(text: str) -> str:
    while found := _PICTURE_OF.match(text):
        text = _capitalised(text[found.end() :].lstrip())
    if text.lower().startswith(_FORBIDDEN_START):  # such as "Image offset by ..."
        text = f"An {text[0].lower()}{text[1:]}"
    if len(text) > LONGEST_ALT:
        text = _whole_sentences(text, LONGEST_ALT, MOST_SENTENCES)
    return _still_says(text, "alt")


def _capitalised(text: str) -> str:
    first = text[:1].upper()
    return _nfc(first + text[1:]) if len(first) == 1 else text


def _caption(text: str) -> str:
    return _still_says(_whole_sentences(text, LONGEST_CAPTION, 1), "caption")


def _description(text: str) -> str:
    return _still_says(_whole_sentences(text, LONGEST_DESCRIPTION, MOST_SENTENCES), "description")


def _whole_sentences(text: str, longest: int, most: int) -> str:
    """The first sentences, as many as there is room for, the last one with its mark; of a first one too long the beginning."""
    kept = ""
    for sentence in sentences(text)[:most]:
        longer = joined(kept, sentence)
        if len(ended(longer)) > longest:
            break
        kept = longer
    return ended(kept or cut(text, longest - 1))


def _filename(value: object, title: str, tags: Iterable[str]) -> str:
    if value is not None and not isinstance(value, str):
        raise _unusable("filename", "is no text")
    for text in (value or "", title, " ".join(tags)):
        if name := _slug(text):
            return name
    return "image"


def _slug(text: str) -> str:
    folded = one_line(text, LONGEST_FILENAME).casefold().translate(_APOSTROPHES)
    plain = unicodedata.normalize("NFKD", _ENDING.sub("", folded)).translate(_LETTERS)
    ascii_text = "".join(character for character in plain if not unicodedata.combining(character))
    name = _NOT_IN_FILENAMES.sub("-", ascii_text).strip("-")
    if len(name) <= LONGEST_FILENAME:
        return name
    head = name[:LONGEST_FILENAME]
    if name[LONGEST_FILENAME] != "-":
        whole = head.rpartition("-")[0]
        head = whole if 2 * len(whole) >= LONGEST_FILENAME else head
    return head.strip("-")


def _tags(value: object) -> tuple[str, ...]:
    listed: object = value[: MOST_TAGS * LONGEST_TAG * _READ].split(",") if isinstance(value, str) else value
    if not isinstance(listed, list | tuple):
        raise _unusable("tags", "are missing" if value is None else "are no list")
    found: dict[str, None] = {}
    # Among texts something else is left out; nothing else but that is too few.
    for entry in listed[:_MOST_LISTED]:
        if isinstance(entry, str) and (tag := _tag(entry)):
            found[tag] = None
        if len(found) == MOST_TAGS:
            break
    if len(found) < FEWEST_TAGS:
        raise _unusable("tags", f"are fewer than {FEWEST_TAGS}")
    return tuple(found)


def _tag(text: str) -> str:
    tag = cut(_nfc(one_line(text, LONGEST_TAG).lower()).strip(" #.,;"), LONGEST_TAG).strip(" #.,;")
    return tag if any(character.isalnum() for character in tag) else ""
