"""What it means for a caller when a constraint of the database is violated."""

from __future__ import annotations

from psycopg import IntegrityError as DriverIntegrityError
from sqlalchemy.exc import IntegrityError

from calotype.domain.errors import CalotypeError, Conflict, NotFound

_MEANINGS: dict[str, tuple[type[CalotypeError], str]] = {
    "asset_folder": (NotFound, "Folder not found"),
    "folder_parent": (NotFound, "Folder not found"),
    "folder_siblings": (Conflict, "A folder of this name is already there"),
    "video_group_name": (Conflict, "A group of this name is already there"),
    "video_tenant_id_group_id_fkey": (NotFound, "There is no such group"),
}
_CONTEXTS: dict[str, dict[str, str]] = {
    "video_group_name": {"reason": "group_exists", "field": "name"},
    "video_tenant_id_group_id_fkey": {"kind": "group", "field": "group_id"},
}


def meaning_of(error: IntegrityError | DriverIntegrityError) -> CalotypeError | None:
    """The refusal a violated constraint stands for; None where a violation can only be a fault of the program."""
    cause = error.orig if isinstance(error, IntegrityError) else error
    name = cause.diag.constraint_name if isinstance(cause, DriverIntegrityError) else None
    if name not in _MEANINGS:
        return None
    kind, message = _MEANINGS[name]
    return kind(message, **_CONTEXTS.get(name, {}))
