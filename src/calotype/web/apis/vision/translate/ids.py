"""Ids as clients write them, and what became of the objects they name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from uuid import UUID

from calotype.domain.deletion import NamedDeletion
from calotype.web.apis.vision.wire import deletion as wire

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def parse_id(text: str) -> UUID | None:
    """An id in any letter case; None for anything else."""
    text = text.strip()
    return UUID(text) if _UUID.fullmatch(text) else None


def ids_from_wire(texts: Iterable[str]) -> tuple[UUID, ...]:
    """The ids among some texts, each once, in their order."""
    found = (parse_id(text) for text in texts)
    return tuple(dict.fromkeys(identity for identity in found if identity is not None))


def deletion_of(texts: Sequence[str], gone: set[UUID]) -> NamedDeletion:
    """What became of each object that was named, once, in the order named."""
    deleted: dict[str, None] = {}
    not_found: dict[str, None] = {}
    for text in texts:
        identity = parse_id(text)
        if identity is not None and identity in gone:
            deleted[str(identity)] = None
        else:
            not_found[str(identity) if identity else text] = None
    return NamedDeletion(tuple(deleted), tuple(not_found))


def deletion_to_wire(deletion: NamedDeletion, what: str) -> wire.Deleted:
    """The confirmation of a deletion; `what` is a word such as "Images"."""
    return {
        "status": "success",
        "message": f"{what} deleted successfully",
        "deleted": list(deletion.deleted),
        "not_found": list(deletion.not_found),
    }
