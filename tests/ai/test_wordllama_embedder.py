"""Texts become vectors of length one that are near when the texts mean alike."""

import logging
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calotype.ai.interfaces import TextEmbedder
from calotype.ai.wordllama_embedder import WordLlamaEmbedder


@pytest.fixture(scope="module")
def embedder():
    """One loaded embedder for all tests."""
    return WordLlamaEmbedder()


def test_it_is_a_text_embedder(embedder):
    """The embedder offers what the interface asks for."""
    used: TextEmbedder = embedder
    assert used.dimension == 256
    assert used.model


def test_texts_that_mean_alike_are_near(embedder):
    """A dog at the sea is nearer to a puppy at the ocean than to an invoice."""
    dog, puppy, invoice = embedder.embed(
        ["a dog runs on the beach", "puppy at the ocean shore", "unpaid invoice of March"]
    )
    assert dog @ puppy > 0.4 > dog @ invoice


def test_vectors_have_the_promised_shape(embedder):
    """Rows are float32, 256 long, of length 1; none for no texts; zero for a text without words."""
    vectors = embedder.embed(["one", "", "  \n", "two words"])
    assert vectors.shape == (4, 256)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 0, 0, 1], abs=1e-5)
    assert embedder.embed([]).shape == (0, 256)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.characters(), max_size=60), max_size=5))
def test_any_text_has_a_vector_of_its_own(texts):
    """Whatever the characters, a vector is finite, of length 1 or 0, and the same beside other texts."""
    embedder = _shared()
    together = embedder.embed(texts)
    assert np.isfinite(together).all()
    for length in np.linalg.norm(together, axis=1):
        assert length == pytest.approx(1, abs=1e-5) or length == 0
    for text, vector in zip(texts, together, strict=True):
        assert np.array_equal(embedder.embed([text])[0], vector)


def test_many_and_long_texts_are_batched(embedder):
    """A thousand texts and one of a megabyte are embedded in their order."""
    texts = [f"photo number {index}" for index in range(1000)] + ["word " * 200_000]
    vectors = embedder.embed(texts)
    assert np.array_equal(vectors[700], embedder.embed(["photo number 700"])[0])
    assert np.linalg.norm(vectors[-1]) == pytest.approx(1, abs=1e-5)


def test_loading_leaves_logging_alone():
    """The model's library configures the root logger, and that is undone."""
    program = (
        "import logging; from calotype.ai.wordllama_embedder import WordLlamaEmbedder;"
        "root = logging.getLogger(); before = (root.level, list(root.handlers));"
        "WordLlamaEmbedder().embed(['x']); assert (root.level, list(root.handlers)) == before"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert logging.getLogger("wordllama").handlers == []


_made = []


def _shared():
    if not _made:
        _made.append(WordLlamaEmbedder())
    return _made[0]
