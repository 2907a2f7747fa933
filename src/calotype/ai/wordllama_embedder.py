"""Text embeddings by WordLlama, whose model is a table of word vectors that comes in its wheel."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from calotype.domain.errors import Unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Beyond this a mean over words says little more, while tokens cost time and memory.
_LONGEST_TEXT = 20_000
_TEXTS_AT_ONCE = 256


class WordLlamaEmbedder:
    """Means of word vectors, of length 1: microseconds a text, no network, one core.

    The model (16 MB) is loaded with the first text. A text's vector does not depend on the texts beside it.
    """

    model = "wordllama-l2-supercat-256"
    dimension = 256

    def __init__(self) -> None:
        self._lock = Lock()
        self._loaded: Any = None

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One vector a text: float32, shape (len(texts), 256); all zero for a text without words.

        Raises `Unavailable` when the model's files are not where its wheel puts them.
        """
        import numpy as np

        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        model = self._model()
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            batch = [_clean(text) for text in texts[start : start + _TEXTS_AT_ONCE]]
            encodings = model.tokenizer.encode_batch(batch, add_special_tokens=False)
            for row, encoding in enumerate(encodings, start):
                vectors[row] = _mean_of_length_one(model.embedding, encoding.ids)
        return vectors

    def _model(self) -> Any:
        with self._lock:
            if self._loaded is None:
                self._loaded = _load()
        return self._loaded


def _load() -> Any:
    try:
        with _root_logger_kept():
            import wordllama

            loaded = wordllama.WordLlama.load(
                dim=WordLlamaEmbedder.dimension,
                cache_dir=Path(wordllama.__file__).parent,
                disable_download=True,
            )
    except (ImportError, OSError) as error:
        raise Unavailable(f"the text embedding model is not installed: {error}") from error
    # Padding would add words that are none to the shorter texts of a batch.
    loaded.tokenizer.no_padding()
    return loaded


@contextmanager
def _root_logger_kept() -> Iterator[None]:
    """WordLlama configures the root logger when imported; the server's logging is not its business."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def _clean(text: str) -> str:
    # Lone surrogates are no Unicode text; the tokenizer would refuse the whole batch for them.
    return text[:_LONGEST_TEXT].strip().encode("utf-8", "replace").decode("utf-8")


def _mean_of_length_one(table: NDArray[np.float32], tokens: list[int]) -> NDArray[np.float32]:
    import numpy as np

    if not tokens:
        return np.zeros(table.shape[1], dtype=np.float32)
    known = np.minimum(np.asarray(tokens, dtype=np.int64), table.shape[0] - 1)
    mean: NDArray[np.float32] = table[known].mean(axis=0, dtype=np.float32)
    length = float(np.linalg.norm(mean))
    return mean / np.float32(length) if length > 0 else mean
