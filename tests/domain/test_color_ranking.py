"""A search for colours finds exactly what looking at every colour of every picture finds, in the same order."""

from __future__ import annotations

import struct
from uuid import UUID

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from calotype.domain import color_ranking
from calotype.domain.color import ColorCriteria, ColorFamily, score_of
from calotype.domain.color_cells import cell_of, cells_of, family_of, name_of
from calotype.domain.color_ranking import rank, sift
from calotype.domain.color_space import Difference, bytes_to_lab
from tests.examples import examples

few = st.sampled_from((0, 40, 90, 100, 104, 128, 200, 255))
rgbs = st.one_of(st.tuples(few, few, few), few.map(lambda level: (level, level, level)))
# Few different ids, shares and colours, so that ties of every sort are common; ids that agree in one half are among them.
ids = st.builds(lambda high, low: UUID(int=high << 64 | low), st.integers(0, 5), st.integers(0, 3))
colors = st.tuples(rgbs, st.sampled_from((0.5, 4.99, 5.0, 5.01, 20.0, 33.33, 100.0)))
libraries = st.dictionaries(ids, st.lists(colors, min_size=1, max_size=4), max_size=15)
criteria = st.builds(
    ColorCriteria,
    rgb=st.one_of(st.none(), rgbs),
    name=st.sampled_from((None, "grey", "RED", "e")),
    family=st.sampled_from((None, *ColorFamily)),
    threshold=st.sampled_from((0.0, 5.0, 15.0, 40.0, 100.0)),
    min_percentage=st.sampled_from((0.0, 5.0, 33.33)),
)


def entries_of(library, wanted):
    """What the database gives of a library: the colours in the cells asked for, in any order."""
    cells = set(cells_of(wanted))
    return b"".join(
        id_.bytes + b"\0" + bytes(rgb) + struct.pack(">h", round(share * 100))
        for id_, made in library.items()
        for rgb, share in made
        if cell_of(rgb) in cells and share >= wanted.min_percentage
    )


def rank_all(entries, hidden, wanted, limit, offset):
    """Sift the colours in two parts, then rank them."""
    middle = len(entries) // 22 // 2 * 22
    return rank([sift(entries[:middle], wanted), sift(entries[middle:], wanted)], hidden, wanted, limit, offset)


def ids_of(ranking):
    """The pictures of a window, in order."""
    return [picture.asset_id for picture in ranking.pictures]


def brute_force(library, hidden, wanted):
    """(score, percentage, id) of every picture that matches, best first, by the plain rules."""
    found = []
    for id_, made in library.items():
        matches = []
        for rgb, share in made:
            score = 1.0
            if wanted.rgb is not None:
                pair = [bytes_to_lab(np.array([value], np.uint8), np.float64) for value in (wanted.rgb, rgb)]
                distance = 0.0 if rgb == wanted.rgb else float(Difference(*pair).distances()[0])
                if round(distance, 9) > wanted.threshold:
                    continue
                score = score_of(round(distance, 9), wanted.threshold)
            if wanted.name is not None and wanted.name.lower() not in name_of(rgb):
                continue
            if wanted.family is not None and family_of(rgb) != wanted.family:
                continue
            if share >= wanted.min_percentage:
                matches.append((score, share))
        if matches and id_ not in hidden:
            found.append((*max(matches), id_))
    return sorted(found, key=lambda match: (-match[0], -match[1], match[2]))


@settings(max_examples=examples(100))
@given(libraries, criteria, st.sets(ids, max_size=5), st.integers(1, 6), st.integers(0, 6))
@example({UUID(int=1): [((90, 90, 90), 5.0)]}, ColorCriteria(rgb=(90, 90, 90), threshold=0.0), set(), 1, 0)
def test_a_search_finds_what_brute_force_finds(library, wanted, hidden, limit, offset):
    """No match is lost, none invented, the count is exact, and windows are in order."""
    if wanted.rgb is None and wanted.name is None and wanted.family is None:
        wanted = ColorCriteria(name="a", min_percentage=wanted.min_percentage)
    expected = brute_force(library, hidden, wanted)
    found = rank_all(entries_of(library, wanted), b"".join(id_.bytes for id_ in hidden), wanted, limit, offset)
    assert found.total_count == len(expected)
    told = [(picture.score, picture.hundredths / 100, picture.asset_id) for picture in found.pictures]
    assert told == expected[offset : offset + limit]
    for picture in found.pictures:
        assert (picture.rgb, picture.hundredths / 100) in library[picture.asset_id]


def many(count, seed):
    """A library of that many pictures with random colours, many of them greyish."""
    chance = np.random.default_rng(seed)
    library = {}
    for _ in range(count):
        made = []
        for share in sorted(chance.integers(50, 4000, 3) / 100, reverse=True):
            level = (
                chance.integers(0, 256, 3) if chance.random() < 0.5 else chance.normal(chance.uniform(20, 235), 9, 3)
            )
            made.append((tuple(int(channel) for channel in np.clip(level, 0, 255)), float(share)))
        library[UUID(bytes=chance.bytes(16), version=4)] = made
    return library


def test_a_large_library_is_searched_as_exactly(monkeypatch):
    """Shortcuts that only many rows take change nothing: parts of the order, rough numbers, ids told apart by a few bits."""
    monkeypatch.setattr(color_ranking, "_CHUNK", 1000)
    library = many(3000, 1)
    hidden = set(list(library)[::7])
    bytes_hidden = b"".join(id_.bytes for id_ in hidden)
    for wanted in (
        ColorCriteria(rgb=(120, 120, 120)),
        ColorCriteria(rgb=(126, 118, 110), threshold=30, min_percentage=0),
        ColorCriteria(rgb=(200, 30, 40), threshold=25),
        ColorCriteria(name="grey"),
        ColorCriteria(family=ColorFamily.COOL, rgb=(40, 90, 160), threshold=60),
    ):
        expected = [id_ for _, _, id_ in brute_force(library, hidden, wanted)]
        entries = entries_of(library, wanted)
        for limit, offset in ((1, 0), (50, 0), (50, 50), (200, 400), (5000, 0), (10, len(expected) - 3)):
            found = rank_all(entries, bytes_hidden, wanted, limit, max(0, offset))
            assert found.total_count == len(expected) > 20
            assert ids_of(found) == expected[max(0, offset) : max(0, offset) + limit]


def test_pictures_that_are_all_alike_are_paged_by_id():
    """Thousands of equal flat pictures: every window has its own."""
    chance = np.random.default_rng(2)
    alike = sorted(UUID(bytes=chance.bytes(16), version=4) for _ in range(2000))
    library = {id_: [((10, 20, 30), 100.0)] for id_ in reversed(alike)}
    for wanted in (ColorCriteria(rgb=(10, 20, 30)), ColorCriteria(name=name_of((10, 20, 30)))):
        entries = entries_of(library, wanted)
        for offset in (0, 700, 1990):
            assert ids_of(rank_all(entries, b"", wanted, 20, offset)) == alike[offset : offset + 20]
