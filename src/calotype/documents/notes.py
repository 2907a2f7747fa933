"""What could not be read of a document although the rest could, told in sentences."""

from __future__ import annotations

_MOST = 20


class Notes:
    """Collects sentences, each once; after twenty it only counts."""

    def __init__(self) -> None:
        self._sentences: dict[str, None] = {}
        self._more = 0

    def add(self, sentence: str) -> None:
        """Note a sentence."""
        if sentence in self._sentences:
            return
        if len(self._sentences) < _MOST:
            self._sentences[sentence] = None
        else:
            self._more += 1

    @property
    def all(self) -> tuple[str, ...]:
        """All of them, with how many more there are."""
        return (*self._sentences, f"{self._more} more such notes were left out") if self._more else (*self._sentences,)
