"""Analyses as their clients see them: begun, told of, come back to, and called off."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from calotype.db.analysis import (
    insert_analysis,
    select_analysis,
    select_events,
    select_items,
    select_open_of_session,
    update_analysis,
    update_reserved,
)
from calotype.db.analysis_session import select_images, update_ended
from calotype.db.asset import lock_assets_from_removal
from calotype.db.engine import Connection, Database
from calotype.domain.analysis import (
    MOST_IMAGES,
    Analysis,
    AnalysisEvent,
    Failure,
    FailureCode,
    ItemState,
    NewAnalysis,
    WantedImage,
)
from calotype.domain.analysis_session import SessionImage, number_of
from calotype.domain.errors import ImageNotFound, InsufficientCredits, InvalidInput, SessionNotFound
from calotype.domain.job import Job, Task, Urgency
from calotype.domain.scope import Scope
from calotype.jobs.queue import JobQueue
from calotype.services.analysis_ending import CANCELLED, end_waiting, occasion_of
from calotype.services.analysis_session import usable_session
from calotype.services.credit import reserve
from calotype.services.presence import Presence

_EVENT_ID = re.compile(r"([0-9a-f]{32})-([0-9]{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a client has been told of an analysis: all events up to that number."""

    analysis_id: UUID
    number: int = 0

    def __str__(self) -> str:
        return f"{self.analysis_id.hex}-{self.number}"


class AnalysisService:
    """The work itself is done by workers; here it is only asked for and read."""

    def __init__(self, database: Database, queue: JobQueue, presence: Presence) -> None:
        self._database = database
        self._queue = queue
        self._presence = presence

    async def start(
        self,
        scope: Scope,
        session_id: str,
        wanted: Sequence[WantedImage],
        analysis_id: UUID,
        request_id: str | None = None,
    ) -> None:
        """Begin an analysis that this process watches; a credit is reserved for each image, or nothing happens.

        Raises SessionNotFound, Expired, ImageNotFound, InvalidInput, InsufficientCredits.
        """
        _check(wanted)
        async with self._database.write() as connection:
            await usable_session(connection, scope, session_id, lock=True)
            images = await _find(connection, scope, session_id, wanted)
            ids = [image.id for image in images]
            new = NewAnalysis(analysis_id, session_id, request_id, self._presence.key, tuple(images))
            await insert_analysis(connection, scope, new)
            await self._reserve(connection, scope, analysis_id, list(range(len(ids))), ids)
            jobs = [Job(Task.MAKE_VARIANTS, scope.tenant_id, image.asset_id) for image in images]
            await self._queue.hasten(connection, jobs, Urgency.INTERACTIVE)

    async def _reserve(
        self, connection: Connection, scope: Scope, analysis_id: UUID, places: Sequence[int], image_ids: Sequence[str]
    ) -> None:
        """Reserve credits for images of a locked analysis, and have it worked on. Raises InsufficientCredits."""
        analysis = await select_analysis(connection, scope, analysis_id, lock=True)
        assert analysis is not None
        await self._queue.enqueue(connection, Job(Task.ANALYZE, scope.tenant_id, analysis_id), Urgency.INTERACTIVE)
        taken = await reserve(connection, scope, image_ids, occasion_of(analysis))
        await update_reserved(connection, scope, analysis_id, places, taken)

    async def come_back(
        self, scope: Scope, session_id: str, last_event_id: str, wanted: Sequence[WantedImage]
    ) -> Place:
        """How far a client has been told that names the last event it saw, and the images it asked for then.

        A session that has expired still tells what was begun in it. Raises SessionNotFound, and InvalidInput for anything that
        does not belong together.
        """
        _check(wanted)
        async with self._database.read() as connection:
            await usable_session(connection, scope, session_id, even_expired=True)
            found = _EVENT_ID.fullmatch(last_event_id)
            analysis = await select_analysis(connection, scope, UUID(found[1])) if found else None
            if not found or analysis is None or analysis.session_id != session_id or int(found[2]) > analysis.events:
                raise InvalidInput("Last-Event-ID names no event of the analysis session", field="Last-Event-ID")
            items = await select_items(connection, scope, analysis.id)
            if [item.image_id for item in items] != [image.id for image in wanted]:
                raise InvalidInput("Last-Event-ID is of a request for other images", field="Last-Event-ID")
        return Place(analysis.id, int(found[2]))

    async def watch(self, scope: Scope, analysis_id: UUID) -> None:
        """Note that this process tells a client of an analysis; one that was suspended goes on.

        Where the credits for that are gone meanwhile, what is left of it ends.
        """
        async with self._database.write() as connection:
            analysis = await select_analysis(connection, scope, analysis_id, lock=True)
            if analysis is None or analysis.ended_at is not None:
                return
            watched = {"watched_by": self._presence.key, "watched_until": None, "is_suspended": False}
            await update_analysis(connection, scope, analysis_id, watched)
            if not analysis.is_suspended:
                return
            items = await select_items(connection, scope, analysis_id, (ItemState.WAITING,))
            try:
                await self._reserve(
                    connection,
                    scope,
                    analysis_id,
                    [item.place for item in items],
                    [item.image_id for item in items],
                )
            except InsufficientCredits as error:
                await end_waiting(connection, analysis, Failure(FailureCode.INSUFFICIENT_CREDITS, error.message))

    def is_watched_here(self, analysis: Analysis) -> bool:
        """Whether the rows say that this process tells the client of an analysis."""
        return analysis.watched_by == self._presence.key and analysis.is_watched and not analysis.is_suspended

    async def news(self, scope: Scope, place: Place) -> tuple[Analysis, list[AnalysisEvent]]:
        """An analysis, and what there is to be told of it after a place, in order. Raises SessionNotFound when it is gone."""
        async with self._database.read() as connection:
            analysis = await select_analysis(connection, scope, place.analysis_id)
            if analysis is None:
                raise SessionNotFound("The session is gone")
            return analysis, await select_events(connection, scope, analysis, place.number)

    async def call_off(self, scope: Scope, analysis_id: UUID) -> None:
        """End what has not begun of an analysis; credits reserved for it come back."""
        async with self._database.write() as connection:
            await _call_off(connection, scope, analysis_id)

    async def end_session(self, scope: Scope, session_id: str) -> None:
        """End a session; what has not begun in it is called off. Raises SessionNotFound."""
        async with self._database.write() as connection:
            await usable_session(connection, scope, session_id, lock=True, even_expired=True)
            await update_ended(connection, scope, session_id)
            open_ids = await select_open_of_session(connection, scope, session_id)
            for analysis_id in open_ids:  # all of them before the account, as everybody locks them
                await select_analysis(connection, scope, analysis_id, lock=True)
            for analysis_id in open_ids:
                await _call_off(connection, scope, analysis_id)


async def _call_off(connection: Connection, scope: Scope, analysis_id: UUID) -> None:
    analysis = await select_analysis(connection, scope, analysis_id, lock=True)
    if analysis is not None and analysis.ended_at is None:
        await end_waiting(connection, analysis, CANCELLED)


def _check(wanted: Sequence[WantedImage]) -> None:
    if not 1 <= len(wanted) <= MOST_IMAGES:
        raise InvalidInput(f"An analysis takes 1 to {MOST_IMAGES} images", field="images")
    seen: set[str] = set()
    for image in wanted:
        if image.id in seen:
            raise InvalidInput("Each image may be named once only", field=f"{image.field}.id")
        seen.add(image.id)


async def _find(
    connection: Connection, scope: Scope, session_id: str, wanted: Sequence[WantedImage]
) -> list[SessionImage]:
    """The images that are meant, which then cannot be removed until the transaction ends. Raises ImageNotFound."""
    numbers = [number_of(image.id) for image in wanted]
    known = {
        image.id: image
        for image in await select_images(connection, scope, session_id, [n for n in numbers if n is not None])
    }
    found = []
    for image in wanted:
        stored = known.get(image.id)
        # The path is compared as text and never used.
        if stored is None or stored.upload_path != image.upload_path:
            raise ImageNotFound(f"{image.field} is not an image of the analysis session", field=image.field)
        found.append(stored)
    live = await lock_assets_from_removal(connection, scope, [image.asset_id for image in found])
    for image, stored in zip(wanted, found, strict=True):
        if stored.asset_id not in live:
            raise ImageNotFound(f"{image.field} was deleted", field=image.field)
    return found
