"""What services are built on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from calotype.ai.interfaces import Transcriber
from calotype.crawling.fetcher import Fetcher
from calotype.db.engine import Database
from calotype.jobs.queue import JobQueue
from calotype.sandbox.pool import Sandbox
from calotype.services.event import EventService
from calotype.settings import Settings
from calotype.storage.store import ObjectStore


class Sandboxes(NamedTuple):
    """The limited child processes, by what they do."""

    pictures: Sandbox
    texts: Sandbox
    videos: Sandbox
    probes: Sandbox
    documents: Sandbox
    pages: Sandbox


@dataclass(frozen=True, slots=True)
class Tools:
    """What services are built on; `vision` reaches the vision model, `transcriber` asks that of speech, where there are any."""

    settings: Settings
    database: Database
    store: ObjectStore
    queue: JobQueue
    pictures: Sandbox
    texts: Sandbox
    videos: Sandbox
    probes: Sandbox
    documents: Sandbox
    pages: Sandbox
    fetcher: Fetcher
    vision: Fetcher | None
    transcriber: Transcriber | None

    @property
    def events(self) -> EventService:
        """Tells webhooks what happens."""
        return EventService(self.queue)
