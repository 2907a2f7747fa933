"""Reading made documents in tests."""

from __future__ import annotations

from calotype.documents.read import read_document


def read(path, data, format_, *, most=1_000_000, pages=5000, side=64):
    """Write a file and read it as a document."""
    path.write_bytes(data)
    return read_document(str(path), format_, max_characters=most, max_pages=pages, picture_side=side)


def texts(document):
    """The texts of the blocks."""
    return [block.text for block in document.blocks]


def shapes(document):
    """Kind, level and text of each block."""
    return [(block.kind.value, block.level, block.text) for block in document.blocks]
