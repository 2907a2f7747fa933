"""What `tsvector @@ tsquery` means, for the literals this product writes; PostgreSQL is asked the same in tests/db."""

from __future__ import annotations

import re

_ENTRY = re.compile(r"'([^']*)'(?::([0-9A-D,]+))?")
_NOWHERE = (-(10**9), "D")  # a word without places is there, but in no phrase
_TERM = re.compile(r"'([^']*)'(:\*)?$")


def matches(vector: str, query: str) -> bool:
    """Whether the query (terms joined by &, each a phrase, an alternative or a lexeme) finds the vector."""
    index = {
        lexeme: {_place(place) for place in places.split(",")} if places else {_NOWHERE}
        for lexeme, places in _ENTRY.findall(vector)
    }
    return all(_holds(term.strip("()"), index) for term in query.split(" & "))


def _place(place: str) -> tuple[int, str]:
    return (int(place), "D") if place.isdigit() else (int(place[:-1]), place[-1])


def _holds(term: str, index: dict[str, set[tuple[int, str]]]) -> bool:
    return any(_stands(phrase, index) for phrase in term.split(" | "))


def _stands(phrase: str, index: dict[str, set[tuple[int, str]]]) -> bool:
    starts = [
        {position - step for position, _ in _places(part, index)} for step, part in enumerate(phrase.split(" <-> "))
    ]
    return bool(set.intersection(*starts))


def _places(part: str, index: dict[str, set[tuple[int, str]]]) -> set[tuple[int, str]]:
    match = _TERM.match(part)
    assert match, part
    lexeme, star = match.groups()
    found = (places for word, places in index.items() if word == lexeme or (star and word.startswith(lexeme)))
    return {place for places in found for place in places}
