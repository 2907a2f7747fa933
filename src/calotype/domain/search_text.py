"""How text becomes words that can be searched: one rule for what is stored and for what is asked.

Words are runs of letters and digits, case and accents folded; underscores and punctuation only separate, so every part of
`IMG_2041-pier.jpg` is a word. A word is kept as it stands (for prefixes) and as its English stem, marked with `~`. Chinese,
Japanese and Korean are written without spaces, so their runs are kept as single characters and overlapping pairs (bigrams);
a longer piece is found as a phrase of pairs, which is the same as finding a substring.

Words of visible text (weight D) are marked with `=` and those within documents and web pages with `+`, so that a search of one
kind of text alone is answered by the index: an index knows lexemes, but no weights, and would have to look at every row.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from typing import Protocol, cast

from calotype.domain.listing import SearchMode

MAX_WORD = 100  # characters; PostgreSQL refuses lexemes above 2 kB
MAX_WORDS_PER_FIELD = 20_000
MAX_POSITION = 16_383  # the largest position PostgreSQL can store
MAX_POSITIONS_PER_WORD = 64

MAX_BODY_BYTES = 900_000
"""Most bytes of the different words of one text within a document or page; PostgreSQL keeps a megabyte for a whole asset."""

_ENTRY_BYTES = 3  # what a word with places takes beside itself, at most, and ...
_PLACE_BYTES = 2  # ... what each of them takes
_NOWHERE = MAX_POSITION + 1
_SEEN = "="
_BODY = "+"
_MARKS = {SearchMode.ALL: ("", _SEEN, _BODY), SearchMode.METADATA: ("",), SearchMode.VISIBLE_TEXT: (_SEEN,)}
_CJK = (
    "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUN = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+")
_IS_CJK = re.compile(rf"[{_CJK}]")


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802 - the library's name


@functools.cache
def _english() -> _Stemmer:
    import Stemmer

    return cast("_Stemmer", Stemmer.Stemmer("english"))


def fold(text: str) -> str:
    """Bring text to the form words are compared in: compatibility forms, case and accents folded."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    if folded.isascii():
        return folded
    return "".join(_without_accents(character) for character in folded)


def _without_accents(character: str) -> str:
    # The marks of kana and the parts of hangul are letters, not accents.
    if character.isascii() or _IS_CJK.match(character):
        return character
    parts = unicodedata.normalize("NFD", character)
    return "".join(part for part in parts if unicodedata.category(part) != "Mn")


def words(text: str) -> Iterator[str]:
    """Split text into folded words and CJK runs, in order."""
    for match in _RUN.finditer(fold(text)):
        yield match.group()


def is_cjk(word: str) -> bool:
    """Whether a word from `words` is a run of Chinese, Japanese or Korean."""
    return _IS_CJK.match(word) is not None


def count_words(text: str) -> int:
    """How many words a text has; of Chinese, Japanese and Korean each character counts as one."""
    return sum(len(run) if is_cjk(run) else 1 for run in _RUN.findall(text))


def stem(word: str) -> str:
    """The marked English stem of a word: `boats` and `boat` are both `~boat`."""
    return "~" + (_english().stemWord(word) if word.isascii() else word)


def _positions(text: str, start: int) -> Iterator[tuple[str, int]]:
    """Each lexeme of a field with its position, counted from `start`."""
    position = start
    for count, word in enumerate(words(text)):
        if count >= MAX_WORDS_PER_FIELD:
            return
        if is_cjk(word):
            for index, character in enumerate(word):
                yield character, position
                if index + 1 < len(word):
                    yield word[index : index + 2], position
                position += 1
        else:
            kept = word[:MAX_WORD]
            yield kept, position
            yield stem(kept), position
        position += 1


def to_tsvector(fields: Iterable[tuple[str, str | None]]) -> str:
    """Write the `tsvector` literal of an asset from (weight, text) pairs; weights are A to D, best first, D is visible text.

    Between fields lies a gap in the positions, so that no phrase can match across two of them.
    """
    found: dict[str, list[str]] = {}
    start = 1
    for weight, text in fields:
        last = start
        mark = _SEEN if weight == "D" else ""
        for lexeme, position in _positions(text or "", start):
            places = found.setdefault(mark + lexeme, [])
            if len(places) < MAX_POSITIONS_PER_WORD:
                places.append(f"{min(position, MAX_POSITION)}{weight}")
            last = position
        start = last + 2
    return " ".join(f"'{lexeme}':{','.join(places)}" for lexeme, places in found.items())


def to_body_tsvector(text: str) -> str:
    """Write the `tsvector` literal of a text within a document or page: which words it holds, however often.

    Only Chinese, Japanese and Korean keep their places, since their longer words are found as phrases. What lies beyond
    `MAX_BODY_BYTES` of different words, a large dictionary's worth, is not found by this.
    """
    found: dict[str, list[str]] = {}
    room = MAX_BODY_BYTES
    for lexeme, position in _body_lexemes(text):
        places = found.get(lexeme)
        if places is None:
            room -= len(lexeme.encode()) + _ENTRY_BYTES
            if room < 0:
                break
            places = found[lexeme] = []
        if position <= MAX_POSITION and len(places) < MAX_POSITIONS_PER_WORD:
            places.append(str(position))
            room -= _PLACE_BYTES
    return " ".join(f"'{lexeme}':{','.join(places)}" if places else f"'{lexeme}'" for lexeme, places in found.items())


def _body_lexemes(text: str) -> Iterator[tuple[str, int]]:
    """Each lexeme of a text within, and its place, which only those of Chinese, Japanese and Korean have."""
    position = 0
    for word in words(text):
        if is_cjk(word):
            position += 1  # between two runs, so that no phrase matches across them
            for index, character in enumerate(word):
                position += 1
                yield _BODY + character, position
                if index + 1 < len(word):
                    yield _BODY + word[index : index + 2], position
        else:
            kept = word[:MAX_WORD]
            yield _BODY + kept, _NOWHERE
            yield _BODY + stem(kept), _NOWHERE


def to_tsquery(text: str, mode: SearchMode = SearchMode.ALL) -> str | None:
    """Write the `tsquery` literal that finds every word of `text`, the last one also as a prefix, in the texts of the mode.

    None when the text holds no word at all.
    """
    asked = list(words(text))
    if not asked:
        return None
    terms = [_term(word[:MAX_WORD], mode, is_last=index == len(asked) - 1) for index, word in enumerate(asked)]
    return " & ".join(dict.fromkeys(terms))


def to_lexemes(text: str, most: int, ignored: Collection[str] = ()) -> list[str]:
    """The first `most` different words of a question, as they are indexed.

    `ignored` words are left out unless there are no others. A run of Chinese, Japanese or Korean is asked for pair by pair, since
    it may be a whole sentence.
    """
    asked = list(words(text))
    telling = [word for word in asked if word not in ignored] or asked
    lexemes = dict.fromkeys(lexeme for word in telling for lexeme in _asked_lexemes(word))
    return list(itertools.islice(lexemes, most))


def to_term(lexeme: str) -> str:
    """Write the `tsquery` literal that finds a word from `to_lexemes` in any text of an asset."""
    return f"'{lexeme}' | '{_SEEN}{lexeme}'"


def _asked_lexemes(word: str) -> list[str]:
    if not is_cjk(word):
        return [stem(word[:MAX_WORD])]
    return [word[index : index + 2] for index in range(len(word) - 1)] or [word]


def _term(word: str, mode: SearchMode, *, is_last: bool) -> str:
    ways: list[str] = []
    for mark in _MARKS[mode]:
        if is_cjk(word):
            pairs = [word[index : index + 2] for index in range(len(word) - 1)] or [word]
            ways.append(" <-> ".join(f"'{mark}{pair}'" for pair in pairs))
        else:
            ways.append(f"'{mark}{stem(word)}'")
            if is_last:
                ways.append(f"'{mark}{word}':*")
    return f"({' | '.join(ways)})"
