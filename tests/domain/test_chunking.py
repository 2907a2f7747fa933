"""Documents are cut into chunks where a reader would pause, and nothing is lost or doubled."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.chunking import LONGEST, LONGEST_HEADING, TARGET, chunked
from calotype.domain.document import Block, BlockKind

HEADING, PARAGRAPH, LIST, TABLE, CODE = BlockKind
ENGLISH = "The crane lifts a container from the ship. "
JAPANESE = "\u6e2f\u306e\u8239\u304c\u30b3\u30f3\u30c6\u30ca\u3092\u964d\u308d\u3059\u3002"


def paragraph(text: str, page: int | None = None) -> Block:
    """One paragraph."""
    return Block(PARAGRAPH, text, page=page)


def heading(text: str, level: int | None = 1, page: int | None = None) -> Block:
    """One heading."""
    return Block(HEADING, text, level=level, page=page)


def contents(*blocks: Block) -> list[str]:
    """The texts of the chunks."""
    return [chunk.content for chunk in chunked(blocks)]


def ink(text: str) -> str:
    """What is left of a text without its white space."""
    return "".join(text.split())


word = st.text(
    st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("ab.!?\u3002\u3042\u4e2d\u0301\u200d"),
    min_size=1,
    max_size=40,
)
space = st.sampled_from([" ", "\n", "\n\n", ". ", "\u3002", "\t", ""])
line = st.builds(
    lambda parts, times: "".join(itertools.chain(*parts)) * times, st.lists(st.tuples(word, space)), st.integers(0, 60)
)
block = st.builds(
    Block,
    st.sampled_from(BlockKind),
    line,
    level=st.none() | st.integers(-1, 12),
    page=st.none() | st.integers(1, 5),
)


@given(st.lists(block, max_size=12))
def test_every_character_is_in_one_chunk(blocks):
    """In its order, and no chunk is empty or longer than the limit, whatever the text."""
    chunks = chunked(blocks)
    assert ink("".join(chunk.content for chunk in chunks)) == ink("".join(block.text for block in blocks))
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    for chunk in chunks:
        assert 0 < len(chunk.content) <= LONGEST
        assert ink(chunk.content)
        assert len(chunk.headings) <= 9
        assert all(0 < len(above) <= LONGEST_HEADING for above in chunk.headings)
    pages = {page for chunk in chunks for page in chunk.page_numbers or ()}
    assert pages == {block.page for block in blocks if block.page is not None and ink(block.text)}


@given(st.lists(st.integers(1, 3_000).map(lambda size: paragraph("word " * (size // 5) + "x"))))
def test_chunks_are_filled(blocks):
    """No two neighbours would fit into one."""
    chunks = chunked(blocks)
    for one, other in itertools.pairwise(chunks):
        assert len(one.content) + 2 + len(other.content) > TARGET


def test_paragraphs_are_packed_until_a_chunk_is_full():
    """What fits is joined by blank lines; what is left over goes on in the next."""
    texts = [f"{number} " + "x" * 390 for number in range(5)]
    assert contents(*map(paragraph, texts)) == ["\n\n".join(texts[:3]), "\n\n".join(texts[3:])]
    assert contents() == []
    assert contents(paragraph(" \n ")) == []


def test_a_paragraph_stays_whole_as_long_as_it_can():
    """Up to the limit; beyond it is cut where sentences end."""
    text = (ENGLISH * 46).strip()
    assert len(text) <= LONGEST
    assert contents(paragraph(text)) == [text]
    for piece in contents(paragraph(ENGLISH * 200)):
        assert piece.startswith("The crane")
        assert piece.endswith("ship.")


def test_scripts_without_spaces_are_cut_at_their_full_stops():
    """Japanese sentences stay whole, and where there is no full stop at all commas do."""
    pieces = contents(paragraph(JAPANESE * 300))
    assert len(pieces) > 2
    assert all(piece.startswith("\u6e2f") and piece.endswith("\u3002") for piece in pieces)
    pieces = contents(paragraph("\u6e2f\u306e\u8239\u3001" * 1_000))
    assert all(piece.startswith("\u6e2f") and piece.endswith("\u3001") for piece in pieces)


@pytest.mark.parametrize("kind", [LIST, TABLE, CODE])
def test_lines_are_not_torn(kind):
    """Of lists, tables and code, which are cut at the ends of lines even where sentences end within; code stays indented."""
    lines = [f"    - {number}. One thing. Another thing." for number in range(200)]
    pieces = contents(Block(kind, "\n".join(lines)))
    assert [line.strip() for piece in pieces for line in piece.split("\n")] == [line.strip() for line in lines]
    assert all(piece.startswith("    ") == (kind is CODE) for piece in pieces)


def test_a_text_without_any_pause_is_cut_anyway():
    """But not between a letter and its accents."""
    assert contents(paragraph("x" * 5_000)) == ["x" * 1_200] * 3 + ["x" * 1_400]
    assert all(piece[0] == "e" for piece in contents(paragraph(("e" + "\u0301" * 6) * 800)))


def test_a_heading_begins_a_chunk_and_stays_with_its_text():
    """Headings that follow each other stay together; nothing of a section lies in a chunk of another one."""
    found = chunked(
        [
            paragraph("Before."),
            heading("Port", 1),
            heading("Cranes", 2),
            paragraph("They lift."),
            heading("Ships", 2),
            paragraph("They float."),
            heading("Fish", 3),
            paragraph("They swim."),
            heading("Town"),
        ]
    )
    assert [(chunk.content, chunk.headings, chunk.kind) for chunk in found] == [
        ("Before.", (), PARAGRAPH),
        ("Port\n\nCranes\n\nThey lift.", ("Port", "Cranes"), HEADING),
        ("Ships\n\nThey float.", ("Port", "Ships"), HEADING),
        ("Fish\n\nThey swim.", ("Port", "Ships", "Fish"), HEADING),
        ("Town", ("Town",), HEADING),
    ]


@pytest.mark.parametrize("size", [30, 1_300, 1_999, 2_500, 6_000])
def test_a_heading_is_never_left_alone(size):
    """However long the paragraph behind it is, its beginning stays with it."""
    first = contents(heading("Cranes"), paragraph("word " * (size // 5)))[0]
    assert first.startswith("Cranes\n\nword")


def test_all_chunks_of_a_section_know_its_headings():
    """Also those that do not begin with one; a heading is told in one line and cut."""
    found = chunked([heading("A\n long " + "x" * 500), *[paragraph("y" * 900) for _ in range(3)]])
    assert len(found) == 3
    assert {chunk.headings for chunk in found} == {(("A long " + "x" * 500)[:LONGEST_HEADING],)}


def test_the_end_of_a_section_is_not_left_alone():
    """A few words join what comes before them in their section; those of another section do not."""
    full = "x" * 1_195
    assert contents(paragraph(full), paragraph("The end.")) == [f"{full}\n\nThe end."]
    assert contents(paragraph(full), heading("The end.")) == [full, "The end."]
    assert len(contents(paragraph("x" * 1_995), paragraph("The end."))) == 2


def test_pages_and_words_are_told():
    """The pages its blocks begin on, each once, and None without pages; words of Japanese are its characters."""
    pages = [3, 3, 4, None]
    (found,) = chunked([paragraph(f"word number {place}", page) for place, page in enumerate(pages)])
    assert found.page_numbers == (3, 4)
    assert found.word_count == 12
    (found,) = chunked([paragraph("\u6e2f\u306e two words")])
    assert found.page_numbers is None
    assert found.word_count == 4


@pytest.mark.parametrize(
    "text", [ENGLISH, "a.", ". ", "x", "\n", "e\u0301", JAPANESE, "word\n", "Dr. ", "...!? ", "(\u3002"]
)
def test_long_texts_are_cut_soon(text):
    """A megabyte of anything, in one paragraph or many or under headings; what grew with the square would never end."""
    whole = text * (1_000_000 // len(text))
    assert ink("".join(contents(paragraph(whole)))) == ink(whole)
    many = [paragraph(text * 20) for _ in range(1_000_000 // len(text) // 20)]
    assert ink("".join(contents(*many))) == ink(whole[: len(many) * len(text) * 20])
    nested = [heading(text * 5, level) for level in range(10_000)]
    assert ink("".join(contents(*nested))) == ink(text * 50_000)
