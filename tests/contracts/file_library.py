"""A tenant with a document of each kind beside a picture, for tests that leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from tests.contracts import papers
from tests.contracts.file_texts import extracted, sent
from tests.contracts.photos import photo
from tests.running import RunningServer, upload, wait_until_processed

PAGES = ("The lighthouse keeper\nlogged the barometer", "Nothing of note", "Gulls and the herring fleet")


@dataclass
class Library:
    """A tenant's files: a picture, and after it a document of each kind whose text is read, in the order sent."""

    client: httpx.Client
    image: str
    pdf: str
    docx: str
    txt: str
    md: str

    @property
    def documents(self) -> list[str]:
        """All documents, the newest first."""
        return [self.md, self.txt, self.docx, self.pdf]


@contextmanager
def filled(server: RunningServer) -> Iterator[Library]:
    """Such a tenant on a server with a worker."""
    with server.client(server.new_key()) as client:
        image = upload(client, photo(), "quay.jpg", title="Quay", auto_describe="true")["image_id"]
        rules = papers.docx(
            (1, "Moorings"),
            "Ropes are renewed every spring.",
            (2, "Bollards"),
            "Cast iron, painted black.",
            [["Berth", "Draught"], ["Seven", "4.2 fathoms"]],
        )
        made = [
            sent(client, papers.pdf(*PAGES), "logbook.pdf", title="Logbook", tags="sea,log"),
            sent(client, rules, "harbour rules.docx"),
            sent(client, "Tide tables for Größe and 港湾都市.\n\nSecond paragraph: ebb.".encode(), "tides.txt"),
            sent(client, b"# Charts\n\nSoundings in metres.\n\n## Wrecks\n\n- the Orion\n- the Vega\n", "charts.md"),
        ]
        for document in made:
            extracted(client, document)
        wait_until_processed(client, image, described=True)
        yield Library(client, image, *made)
