"""Sessions: opening them with images, adding more, showing and ending them."""

from __future__ import annotations

import secrets
import string
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from calotype.db.analysis_session import (
    delete_old_sessions,
    insert_images,
    insert_session,
    select_image_count,
    select_images,
    select_session,
    select_taken_paths,
)
from calotype.db.engine import Connection, Database
from calotype.domain.analysis_session import MOST_IMAGES, AnalysisSession, SessionImage
from calotype.domain.errors import CalotypeError, Expired, InvalidInput, SessionNotFound
from calotype.domain.job import Urgency
from calotype.domain.scope import Scope
from calotype.domain.upload import IngestResult, UploadOptions
from calotype.domain.values import safe_filename
from calotype.services.image_upload import ImageUpload, ImageUploadService
from calotype.services.receive import ReceivedFile

_LETTERS = string.ascii_lowercase + string.digits
_ID_LETTERS = 24  # 124 random bits
_KEPT_FOR = timedelta(days=7)  # after its end, in which a session is still known to have expired


@dataclass(frozen=True, slots=True)
class SessionTerms:
    """How long a session lasts from its first image on."""

    lifetime: timedelta


class AnalysisSessionService:
    """A session only groups images for their analysis; they are assets like all others, and outlive it."""

    def __init__(self, database: Database, uploads: ImageUploadService, terms: SessionTerms) -> None:
        self._database = database
        self._uploads = uploads
        self._terms = terms

    @property
    def max_upload_bytes(self) -> int:
        """More than any upload that is accepted can have."""
        return self._uploads.terms.max_bytes

    async def check(self, scope: Scope, session_id: str) -> None:
        """Refuse what is about to be sent to a session that takes nothing. Raises SessionNotFound, Expired."""
        async with self._database.read() as connection:
            await usable_session(connection, scope, session_id)

    @asynccontextmanager
    async def receiving(self, scope: Scope) -> AsyncIterator[ImageUpload]:
        """One upload while its request is read; what is not handed to `add` leaves nothing behind."""
        async with self._uploads.receiving(scope) as upload:
            yield upload

    async def add(self, scope: Scope, upload: ImageUpload, session_id: str | None = None) -> AnalysisSession:
        """Give what was received its rows, and a place in a session: a new one, unless one is named.

        Returns the session with these images alone. All of them are taken, or none. Raises what is wrong with the first that is
        not accepted, SessionNotFound, Expired, InvalidInput, QuotaExceeded, UsageLimitExceeded, Unavailable.
        """
        received = await upload.received()
        added: list[AnalysisSession] = []

        async def note(connection: Connection, _: Sequence[IngestResult | CalotypeError]) -> None:
            into = session_id or new_session_id()
            if session_id is None:
                await insert_session(connection, scope, into, self._terms.lifetime)
            session = await usable_session(connection, scope, into, lock=True)
            images = await _numbered(connection, scope, into, received)
            await insert_images(connection, scope, into, images)
            added.append(replace(session, images=tuple(images)))

        # Described when that is asked for and paid, not before; somebody is waiting for it to be.
        options = UploadOptions(auto_describe=False, urgency=Urgency.INTERACTIVE)
        await upload.accept([(file, options) for file in received], note)
        return added[0]

    async def get(self, scope: Scope, session_id: str) -> AnalysisSession:
        """A session with all its images. Raises SessionNotFound, Expired."""
        async with self._database.read() as connection:
            session = await usable_session(connection, scope, session_id)
            return replace(session, images=tuple(await select_images(connection, scope, session_id)))

    async def forget(self) -> int:
        """Remove sessions that expired long ago, with their analyses; returns how many."""
        forgotten = 0
        while True:
            async with self._database.write() as connection:
                removed = await delete_old_sessions(connection, _KEPT_FOR)
            forgotten += removed
            if not removed:
                return forgotten


async def usable_session(
    connection: Connection, scope: Scope, session_id: str, *, lock: bool = False, even_expired: bool = False
) -> AnalysisSession:
    """A session that can be used, without its images. Raises SessionNotFound, Expired."""
    session = await select_session(connection, scope, session_id, lock=lock) if _is_id(session_id) else None
    if session is None:
        raise SessionNotFound("There is no such session")
    if session.is_expired and not even_expired:
        raise Expired("The session has expired; upload the images again")
    return session


def new_session_id() -> str:
    """An id that nobody can guess."""
    return "sess_" + "".join(secrets.choice(_LETTERS) for _ in range(_ID_LETTERS))


def _is_id(text: str) -> bool:
    """Whether a text can be a session's id; the database would stumble over some others."""
    name = text.removeprefix("sess_")
    return text.startswith("sess_") and len(name) == _ID_LETTERS and set(name) <= set(_LETTERS)


async def _numbered(
    connection: Connection, scope: Scope, session_id: str, received: Sequence[ReceivedFile]
) -> list[SessionImage]:
    """Images with the next numbers of a session whose lock is held, and upload paths that no other has. Raises InvalidInput."""
    first = await select_image_count(connection, scope, session_id) + 1
    if first + len(received) - 1 > MOST_IMAGES:
        raise InvalidInput(f"A session takes at most {MOST_IMAGES} images", field="images")
    numbered = list(enumerate(received, first))
    plain = [_path(session_id, safe_filename(file.filename)) for file in received]
    own = [_path(session_id, _numbered_name(file.filename, number)) for number, file in numbered]
    taken = await select_taken_paths(connection, scope, session_id, [*plain, *own])
    images = []
    for (number, file), *candidates in zip(numbered, plain, own, strict=True):
        path = next((path for path in candidates if path not in taken), None)
        if path is None:  # somebody names files as we do
            path = _path(session_id, f"{secrets.token_hex(8)}-{safe_filename(file.filename)}")
        taken.add(path)
        images.append(SessionImage(number, file.id, path, file.filename, file.size_bytes, file.fault))
    return images


def _path(session_id: str, name: str) -> str:
    # It looks like a place because the hosted API's does; nothing lies there.
    return f"/tmp/sessions/{session_id}/{name}"  # noqa: S108


def _numbered_name(filename: str, number: int) -> str:
    stem, dot, ending = safe_filename(filename).rpartition(".")
    return f"{stem}-{number}{dot}{ending}" if stem else f"{ending}-{number}"
