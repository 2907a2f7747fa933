"""The Analysis API as its clients use it: sessions, streams of events, and credits that somebody granted."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

import httpx

from tests.contracts.analysis_shapes import CREDITS, EVENTS, LEDGER, SINGLE, UPLOADED, expect
from tests.contracts.photos import photo
from tests.contracts.shapes import conforms
from tests.forked import run
from tests.running import PATIENCE, RunningServer, calotype_environment, wait_for

PREFIXES = ("/image-forge-api/v1", "/v1")
UNKNOWN_SESSION = "sess_abc123def456abc123def456"
ODD_NAMES = {
    "parents": "../../../etc/passwd",
    "absolute": "/etc/passwd.jpg",
    "backslashes": "..\\..\\windows\\photo.jpg",
    "only parents": "..",
    "only slashes": "///",
    "long": "x" * 300 + ".jpg",
    "long ending": "photo." + "j" * 300,
    "percent": "%2e%2e%2fphoto%00.jpg",
    "spaces": "  my holiday   photo .jpg ",
    "other letters": "Größe 写真 📷.jpg",
    "right to left": "photo\u202egpj.exe",
    "no ending": "photo",
    "quotes": "a'b;c&d$(e)`f`.jpg",
}


class Event(NamedTuple):
    """One event of a stream."""

    id: str
    name: str
    data: dict[str, Any]


class Stream:
    """An open stream of events, read strictly: nothing but events of known kinds and keys, each with an id, and comments."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.comments: list[str] = []
        self.seen: list[Event] = []
        self._lines = self._read()

    def _read(self):
        left = b""
        for piece in self.answer.iter_raw():
            # Not `iter_lines`, which takes more characters than these for the end of a line.
            *lines, left = (left + piece).replace(b"\r\n", b"\n").split(b"\n")
            yield from (line.decode() for line in lines)
        assert not left, f"the stream ended within a line: {left!r}"

    def __iter__(self):
        return self

    def __next__(self) -> Event:
        """The next event; comments before it are kept."""
        fields: dict[str, str] = {}
        deadline = time.monotonic() + 2 * PATIENCE
        for line in self._lines:
            assert time.monotonic() < deadline, f"nothing but comments for minutes: {self.comments}"
            if line.startswith(":"):
                self.comments.append(line)
            elif line:
                name, _, value = line.partition(":")
                assert name in {"id", "event", "data", "retry"}, line
                assert name not in fields or name == "data", f"{name} twice in one event"
                value = value.removeprefix(" ")
                fields[name] = f"{fields['data']}\n{value}" if name == "data" and "data" in fields else value
            elif "data" in fields:
                assert fields.keys() >= {"id", "event"}, f"an event without id or name: {fields}"
                assert fields["id"], "an event with an empty id"
                data = json.loads(fields["data"])
                conforms(data, EVENTS[fields["event"]])
                self.seen.append(Event(fields["id"], fields["event"], data))
                return self.seen[-1]
            else:
                # A block without data is no event.
                assert "event" not in fields, f"an event without data: {fields}"
                fields = {}
        assert not fields, f"the stream ended within an event: {fields}"
        raise StopIteration

    def comment(self) -> str:
        """The next line, which must be a comment; empty lines around it are passed over."""
        line = next(filter(None, self._lines))
        assert line.startswith(":"), line
        return line

    def until(self, name: str, count: int = 1) -> list[Event]:
        """The events up to the `count`-th of that name."""
        found: list[Event] = []
        while sum(event.name == name for event in found) < count:
            event = next(self, None)
            assert event is not None, f"the stream ended before {count} of {name}: {found}"
            found.append(event)
        return found


@dataclass
class Account:
    """A tenant with a key at a server; paths are below the prefix."""

    server: RunningServer
    name: str
    key: str
    prefix: str = PREFIXES[0]
    client: httpx.Client = field(init=False)
    others: httpx.Client = field(init=False)
    """For the other APIs, some of which know one credential only."""

    def __post_init__(self) -> None:
        self.client = self.server.client()
        self.client.headers["X-API-Key"] = self.key
        self.others = self.server.client(self.key)

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request."""
        return self.client.request(method, self.prefix + path, **options)

    def grant(self, count: int) -> None:
        """Give credits, as the server's owner does."""
        assert calotype(self.server, "credits", "grant", self.name, str(count)).returncode == 0

    def credits(self) -> dict[str, Any]:
        """What is left and what was used."""
        return expect(self.call("GET", "/credits"), CREDITS)

    @property
    def balance(self) -> int:
        """The credits that are left."""
        left: int = self.credits()["balance"]
        return left

    def ledger(self) -> list[dict[str, Any]]:
        """All entries, oldest first; each page must be what it says it is, and the sums must be right at every entry."""
        entries = self._pages()[::-1]
        balance = 0
        for entry in entries:
            balance += entry["amount"]
            assert entry["balanceAfter"] == balance, entry
            assert entry["amount"] == 0 or (entry["amount"] < 0) == (entry["kind"] == "reserve"), entry
            assert entry["kind"] != "capture" or entry["amount"] == 0, entry
        times = [datetime.fromisoformat(entry["createdAt"]) for entry in entries]
        assert times == sorted(times)
        return entries

    def _pages(self) -> list[dict[str, Any]]:
        """All entries, newest first, of one moment: what comes in between two pages would move the second."""
        while True:
            entries: list[dict[str, Any]] = []
            totals = set()
            while True:
                query = {"limit": 50, "offset": len(entries)}
                page = expect(self.call("GET", "/credits/ledger", params=query), LEDGER)
                assert (page["limit"], page["offset"]) == (50, len(entries))
                entries += page["entries"]
                totals.add(page["total"])
                if len(entries) >= page["total"] or len(totals) > 1:
                    break
                assert page["entries"], "a page is empty before the end"
            if len(totals) == 1:
                assert len({entry["id"] for entry in entries}) == len(entries) == page["total"]
                return entries

    def settled(self) -> tuple[int, int]:
        """How many credits were granted and how many images charged, once no reservation is open any more.

        Asserts that the balance is the difference of the two.
        """

        def closed() -> tuple[int, int] | None:
            entries = self.ledger()
            kinds = [entry["kind"] for entry in entries]
            reserved = -sum(entry["amount"] for entry in entries if entry["kind"] == "reserve")
            refunded = sum(entry["amount"] for entry in entries if entry["kind"] == "refund")
            if reserved != refunded + kinds.count("capture"):
                return None
            return sum(entry["amount"] for entry in entries if entry["kind"] == "grant"), kinds.count("capture")

        granted, charged = wait_for(closed, f"reservations stay open: {self.ledger()}")
        assert self.balance == granted - charged
        return granted, charged

    def upload(self, *pictures: Any, into: str | None = None) -> dict[str, Any]:
        """Upload pictures, each its bytes or (name, bytes), into a new session or one that there is; returns the answer."""
        path = "/sessions" if into is None else f"/sessions/{into}/images"
        return expect(self.call("POST", path, files=form(*pictures)), UPLOADED, 201)

    def open(self, *pictures: Any) -> Session:
        """A session with pictures, or with one of noise."""
        body = self.upload(*(pictures or [photo()]))
        return Session(self, body["sessionId"], body["images"])


@dataclass
class Session:
    """A session of an account, with its images as the answer to their upload listed them."""

    account: Account
    id: str
    images: list[dict[str, Any]]

    def ids(self) -> list[str]:
        """The ids of its images."""
        return [image["id"] for image in self.images]

    def body(self, *places: int, **more: Any) -> dict[str, Any]:
        """A request for the images at these places, or for all."""
        images = [self.images[place] for place in places] if places else self.images
        return {"sessionId": self.id, "images": [named(image) for image in images], **more}

    def single_body(self, place: int = 0) -> dict[str, Any]:
        """A request for one image alone."""
        return {"sessionId": self.id, "image": named(self.images[place])}

    @contextlib.contextmanager
    def streaming(self, *places: int, after: str | None = None, silence: float = PATIENCE) -> Iterator[Stream]:
        """An open stream for the images at these places, or for all; `after` is the last event that was seen before.

        It must not be silent for longer than so many seconds.
        """
        headers = {} if after is None else {"Last-Event-ID": after}
        url = f"{self.account.prefix}/sessions/{self.id}/analyze"
        # A client of its own: leaving it closes the connection, as a browser does that is closed.
        with self.account.server.client() as own:
            headers["X-API-Key"] = self.account.key
            timeout = httpx.Timeout(PATIENCE, read=silence)
            with own.stream("POST", url, json=self.body(*places), headers=headers, timeout=timeout) as answer:
                if answer.status_code != 200:
                    raise AssertionError(f"{answer.status_code}: {answer.read()[:2000]!r}")
                assert answer.headers["content-type"].split(";")[0] == "text/event-stream"
                yield Stream(answer)

    def analyze(self, *places: int, after: str | None = None) -> list[Event]:
        """All events for the images at these places, or for all."""
        with self.streaming(*places, after=after) as stream:
            return list(stream)

    def refused(self, body: Any, **options: Any) -> httpx.Response:
        """The answer to a request for a stream that is refused."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        path = f"/sessions/{options.pop('session', self.id)}/analyze{options.pop('suffix', '')}"
        return self.account.call("POST", path, content=content, headers=headers, **options)

    def single(self, place: int = 0) -> dict[str, Any]:
        """The result of one image alone."""
        answer = self.account.call("POST", f"/sessions/{self.id}/analyze-single", json=self.single_body(place))
        return expect(answer, SINGLE)


def named(image: dict[str, Any]) -> dict[str, Any]:
    """What a request says of an image: what the answer to its upload said, and no more."""
    return {key: image[key] for key in ("id", "uploadPath", "originalFilename")}


def form(*pictures: Any, name: str = "images") -> list[tuple[str, tuple[str, bytes]]]:
    """Pictures as files of a form."""
    return [(name, each if isinstance(each, tuple) else ("photo.jpg", each)) for each in pictures]


def account(server: RunningServer, credits: int = 0, prefix: str = PREFIXES[0]) -> Account:  # noqa: A002 - the word of the spec
    """A new tenant that was granted some credits."""
    name = f"tenant {uuid4()}"
    made = Account(server, name, server.new_key(name), prefix)
    if credits:
        server.grant(name, credits)
    return made


def unlimited(server: RunningServer) -> Account:
    """A new tenant without a limit."""
    made = account(server)
    server.grant(made.name, None)
    return made


def calotype(server: RunningServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command on a server's installation."""
    return run(arguments, {**calotype_environment(server.data_dir), "COLUMNS": "200"})


def ended(events: list[Event]) -> dict[str, Event]:
    """The result or the error of each image."""
    return {event.data["imageId"]: event for event in events if event.name in {"result", "error"}}


def check(events: list[Event], wanted: list[str], *, failed: int = 0) -> dict[str, Any]:
    """Assert that a whole stream told of these images what it must, each once and in order; returns the data of `complete`."""
    names = [event.name for event in events]
    assert names.count("complete") == 1, names
    assert names[-1] == "complete", names
    assert len({event.id for event in events}) == len(events), "an id comes twice"
    begun: list[str] = []
    over: list[str] = []
    for event in events[:-1]:
        image_id = event.data["imageId"]
        if event.name == "progress":
            begun.append(image_id)
            assert (event.data["current"], event.data["total"]) == (len(begun), len(wanted)), event
        else:
            assert image_id in begun, f"{image_id} ended before it began"
            over.append(image_id)
    assert sorted(begun) == sorted(over) == sorted(wanted)
    assert names.count("error") == failed, [event for event in events if event.name == "error"]
    end = events[-1].data
    status = "completed" if not failed else "failed" if failed == len(wanted) else "partial"
    assert (end["status"], end["processed"], end["failed"], end["total"]) == (
        status,
        len(wanted),
        failed,
        len(wanted),
    ), end
    return end
