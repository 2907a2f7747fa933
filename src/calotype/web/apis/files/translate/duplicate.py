"""Contents as clients name them: pure functions."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from calotype.web.apis.files.wire import duplicate as wire


def checksum_from_wire(value: str) -> str:
    """A SHA-256 sum without its prefix, in lower case."""
    return value.removeprefix("sha256:").lower()


def partition_to_wire(hashes: Sequence[str], known: Collection[str]) -> wire.DuplicatesAnswer:
    """What was sent, sorted into known and unknown; exact repeats once, in the order they came in."""
    sent = dict.fromkeys(hashes)
    return wire.DuplicatesAnswer(
        duplicates=[value for value in sent if checksum_from_wire(value) in known],
        unique=[value for value in sent if checksum_from_wire(value) not in known],
    )
