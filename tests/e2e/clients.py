"""Clients of all four wire formats that go on whatever happens to the server, and write down what they were promised."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import uuid4

import httpx
from PIL import Image

from tests.contracts.sites import Site
from tests.e2e.cluster import Node
from tests.e2e.library import sha256
from tests.small_film import small_film

FILES = "/api/v2/user-files"
_PASSING = {500, 502, 503, 504}
_TIMEOUT = httpx.Timeout(10, connect=2)


@dataclass
class Promises:
    """What the clients were answered, by what they may rely on."""

    files: dict[str, str] = field(default_factory=dict)
    """Checksum of each file that was answered for, by its id."""
    trashed: set[str] = field(default_factory=set)
    """Those whose deletion was answered for and not taken back."""
    unsure: set[str] = field(default_factory=set)
    """Those of which a request was given up, so that nobody knows whether they are in the trash, and where."""
    folders: dict[str, str] = field(default_factory=dict)
    """The folder of each file that was moved."""
    together: list[list[str]] = field(default_factory=list)
    """The images of each upload that keeps all or none, by their checksums."""
    described: dict[str, str] = field(default_factory=dict)
    """The word that must be found in each document or page."""
    cameras: dict[str, dict[str, str]] = field(default_factory=dict)
    """What each device was answered, by what it sent: image id by idempotency key."""
    analysed: dict[str, dict[str, str]] = field(default_factory=dict)
    """How each image of each analysis ended, by session."""
    sessions: set[str] = field(default_factory=set)
    """Upload sessions that were answered for."""
    sent: set[str] = field(default_factory=set)
    """The checksum of everything that was sent, answered or not."""
    faults: list[str] = field(default_factory=list)
    """Answers that no trouble excuses."""


class Client:
    """One tenant's client: tries again, at any web node, until it is answered."""

    def __init__(self, webs: list[Node], key: str, promises: Promises, seed: int, site: Site) -> None:
        self.key = key
        self.promises = promises
        self.random = random.Random(seed)
        self.site = site
        self._webs = webs
        self._http = httpx.Client(timeout=_TIMEOUT, verify=False)
        self.over = threading.Event()

    def once(self, method: str, path: str, **options: Any) -> httpx.Response | None:
        """One attempt at a random node; None when nobody knows what came of it, or the server says that it cannot now."""
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        url = self.random.choice(self._webs).url + path
        try:
            answer = self._http.request(method, url, headers=headers, **options)
        except httpx.TransportError:
            time.sleep(0.1)
            return None
        if answer.status_code in _PASSING:
            if answer.status_code != 503:
                self.fault(f"{method} {path}", answer)
            time.sleep(0.1)
            return None
        return answer

    def until_answered(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer to a request that may be sent any number of times."""
        pause = 0.05
        while True:
            answer = self.once(method, path, **options)
            if answer is not None:
                return answer
            time.sleep(pause)
            pause = min(1.0, pause * 2)

    def fault(self, what: str, answer: httpx.Response) -> None:
        """Write down an answer that should not have been."""
        self.promises.faults.append(f"{what}: {answer.status_code} {answer.text[:300]}")

    def expect(self, what: str, answer: httpx.Response | None, *statuses: int) -> bool:
        """Whether there is an answer with one of these; another one is a fault."""
        if answer is None:
            return False
        if answer.status_code in statuses:
            return True
        self.fault(what, answer)
        return False

    def picture(self) -> bytes:
        """A small PNG of noise; its sending is written down."""
        stream = io.BytesIO()
        Image.frombytes("RGB", (48, 32), os.urandom(48 * 32 * 3)).save(stream, "PNG")
        return self.noted(stream.getvalue())

    def noted(self, data: bytes) -> bytes:
        """The same bytes, written down as sent."""
        self.promises.sent.add(sha256(data))
        return data

    def keep(self, file_id: str, data: bytes) -> None:
        """Write down a file that was answered for."""
        self.promises.files[file_id] = sha256(data)

    def on_node(self) -> str:
        """The address of a random web node."""
        return self.random.choice(self._webs).url


def streamed(client: Client) -> None:
    """Upload a picture, and sometimes delete it, bring it back, move it, and rename it."""
    data = client.picture()
    answer = client.once("POST", f"{FILES}/upload/stream", files={"file": ("a.png", data)}, data={"tags": "storm"})
    if not client.expect("stream", answer, 200):
        return
    assert answer is not None
    file_id = answer.json()["image_id"]
    client.keep(file_id, data)
    for change in client.random.sample([_delete, _delete, _restore, _move, _rename], 3):
        if file_id in client.promises.unsure:
            return
        change(client, file_id)


def _changed(client: Client, file_id: str, method: str, path: str, *statuses: int, **options: Any) -> bool:
    """Whether a change was answered with the first status; one that was given up is made known as unsure, and nobody goes on."""
    before = time.monotonic()
    answer = client.once(method, path, **options)
    if answer is None:
        if time.monotonic() - before > 1:  # a node that stands still may still do it, at any time
            client.promises.unsure.add(file_id)
            return False
        answer = client.until_answered(method, path, **options)
        client.promises.unsure.add(file_id)
    client.expect(f"{method} {path}", answer, *statuses)
    return answer.status_code == statuses[0]


def _delete(client: Client, file_id: str) -> None:
    gone = 404 if file_id in client.promises.trashed else 200
    if _changed(client, file_id, "DELETE", f"{FILES}/{file_id}", gone, 200, 404):
        client.promises.trashed.add(file_id)


def _restore(client: Client, file_id: str) -> None:
    back = 200 if file_id in client.promises.trashed else 409
    if _changed(client, file_id, "POST", f"{FILES}/{file_id}/restore", back, 200, 409):
        client.promises.trashed.discard(file_id)


def _move(client: Client, file_id: str) -> None:
    if file_id in client.promises.trashed:
        return
    name = f"folder {client.random.randrange(5)}"
    made = client.until_answered("POST", "/api/v2/folders", json={"name": name})
    if not client.expect("folder", made, 201, 409):
        return
    listed = client.until_answered("GET", "/api/v2/folders").json()["folders"]
    folder_id = next(folder["id"] for folder in listed if folder["name"] == name)
    body = {"file_ids": [file_id], "folder_id": folder_id}
    if _changed(client, file_id, "POST", "/api/v2/folders/move-files", 200, json=body):
        client.promises.folders[file_id] = folder_id


def _rename(client: Client, file_id: str) -> None:
    if file_id not in client.promises.trashed:
        _changed(client, file_id, "PATCH", f"{FILES}/{file_id}", 200, json={"title": f"title {uuid4()}"})


def presigned(client: Client) -> None:
    """Announce a picture, put it and confirm it, each until it is answered."""
    data = client.picture()
    form = {"filename": "b.png", "content_type": "image/png", "size_bytes": str(len(data))}
    made = client.until_answered("POST", f"{FILES}/upload/initiate", data=form)
    if not client.expect("initiate", made, 200):
        return
    body = made.json()
    path = httpx.URL(body["upload_url"]).raw_path.decode()
    if not client.expect("put", client.until_answered("PUT", path, content=data), 200):
        return
    confirmed = {"object_key": body["object_key"], "image_id": body["image_id"], "size_bytes": len(data)}
    answer = client.until_answered("POST", f"{FILES}/upload/confirm", json=confirmed)
    if client.expect("confirm", answer, 200):
        client.keep(body["image_id"], data)


def batched(client: Client) -> None:
    """Upload several pictures at once, one of them twice, and ask how it went."""
    pictures = [client.picture() for _ in range(4)]
    files = [("files", (f"{place}.png", data)) for place, data in enumerate([*pictures, pictures[0]])]
    form = {"skip_duplicates": "true"}
    answer = client.once("POST", f"{FILES}/upload/stream-batch", files=files, data=form)
    if not client.expect("batch", answer, 200):
        return
    assert answer is not None
    body = answer.json()
    client.promises.sessions.add(body["session_id"])
    for data, item in zip(pictures, body["immediate_results"], strict=False):
        if item["status"] == "completed":
            client.keep(item["image_id"], data)


def together(client: Client) -> None:
    """Upload images of which all are kept or none."""
    pictures = [client.picture() for _ in range(3)]
    client.promises.together.append([sha256(data) for data in pictures])
    files = [("images", (f"{place}.png", data)) for place, data in enumerate(pictures)]
    answer = client.once("POST", "/images/upload", files=files)
    if client.expect("images/upload", answer, 200, 201):
        assert answer is not None
        for data, image in zip(pictures, answer.json()["results"], strict=True):
            client.keep(image["image_id"], data)


def filmed(client: Client) -> None:
    """Upload a film whole, for scenes to be found in it."""
    data = client.noted(small_film())
    answer = client.once("POST", "/videos/upload", files={"file": ("film.mp4", data)}, data={"index": "true"})
    if client.expect("film", answer, 200, 201, 202):
        assert answer is not None
        client.keep(answer.json()["video_id"], data)


def chunked(client: Client) -> None:
    """Upload a film in chunks, each until it is answered, and go on where the server says."""
    data = client.noted(small_film())
    body = {"filename": "chunks.mp4", "content_type": "video/mp4", "size_bytes": len(data)}
    made = client.until_answered("POST", "/api/v2/video-uploads/initiate", json=body)
    if not client.expect("initiate chunks", made, 201):
        return
    told = made.json()
    ids = {key: told[key] for key in ("media_id", "upload_id")}
    size = told["chunk_size_bytes"]
    while True:
        progress = client.until_answered("GET", f"/api/v2/video-uploads/progress/{told['media_id']}").json()
        number = progress["current_chunk"]
        if number is None or client.over.is_set():
            break
        part = data[(number - 1) * size : number * size]
        path = httpx.URL(told["chunks"][number - 1]["upload_url"]).raw_path.decode()
        put = client.until_answered("PUT", path, content=part)
        if not client.expect("put chunk", put, 200):
            return
        confirmed = {**ids, "chunk_number": number, "etag": put.headers["etag"], "size_bytes": len(part)}
        answer = client.until_answered("POST", "/api/v2/video-uploads/chunks/confirm", json=confirmed)
        if not client.expect("confirm chunk", answer, 200):
            return
    finish = {**ids, "duration_seconds": 1, "auto_analyze": True}
    answer = client.until_answered("POST", "/api/v2/video-uploads/complete", json=finish)
    if number is None and client.expect("complete chunks", answer, 200):
        client.keep(told["media_id"], data)


def written(client: Client) -> None:
    """Upload a text that has a word of its own."""
    word = f"word{uuid4().hex}"
    data = client.noted(f"# A page\n\nWhat stands here is {word}.\n".encode())
    answer = client.once("POST", f"{FILES}/upload/stream", files={"file": ("page.md", data)})
    if client.expect("document", answer, 200):
        assert answer is not None
        file_id = answer.json()["image_id"]
        client.keep(file_id, data)
        client.promises.described[file_id] = word


def linked(client: Client) -> None:
    """Save a link to a page that has a word of its own."""
    word = f"page{uuid4().hex}"
    url = client.site.page(f"/{word}", f"<p>What stands here is {word}.</p>", "<title>A page</title>")
    answer = client.once("POST", f"{FILES}/links", json={"url": url})
    if client.expect("link", answer, 201):
        assert answer is not None
        client.promises.described[answer.json()["id"]] = word


def photographed(client: Client, device: dict[str, Any]) -> None:
    """Send an image of a device under an idempotency key until it is answered."""
    data, name = client.picture(), uuid4().hex
    said = {"annotations": [{"class_value": "a", "type": "classification"}]}
    answer = client.until_answered(
        "POST",
        "/api/device/images/upload",
        files={"image": ("image.png", data)},
        data={"metadata": json.dumps(said)},
        headers={"X-Device-Key": device["api_key"], "Idempotency-Key": name, "Authorization": ""},
    )
    if client.expect("device", answer, 200):
        image_id = answer.json()["data"]["image_id"]
        client.promises.cameras.setdefault(device["id"], {})[name] = image_id
        client.keep(image_id.removeprefix("img_"), data)


def analysed(client: Client) -> None:
    """Have pictures described and follow the stream, from where it broke, until it says that it is complete."""
    pictures = [client.picture() for _ in range(3)]
    files = [("images", ("photo.png", data)) for data in pictures]
    headers = {"X-API-Key": client.key}
    answer = client.once("POST", "/image-forge-api/v1/sessions", files=files, headers=headers)
    if not client.expect("session", answer, 201):
        return
    assert answer is not None
    made = answer.json()
    for data, image in zip(pictures, made["images"], strict=True):
        client.keep(image["assetId"], data)
    named = [{key: image[key] for key in ("id", "uploadPath", "originalFilename")} for image in made["images"]]
    body = {"sessionId": made["sessionId"], "images": named}
    ended = client.promises.analysed.setdefault(made["sessionId"], {})
    last = ""
    for _ in range(200):
        told = {**headers, "Last-Event-ID": last} if last else headers
        url = f"{client.on_node()}/image-forge-api/v1/sessions/{made['sessionId']}/analyze"
        with (
            contextlib.suppress(httpx.TransportError),
            httpx.stream("POST", url, json=body, headers=told, timeout=_TIMEOUT, verify=False) as stream,
        ):
            if stream.status_code == 200:
                last, is_complete = _follow(stream, last, ended, client)
                if is_complete:
                    return
            elif stream.status_code != 503:
                stream.read()
                client.fault("analyze", stream)
        time.sleep(0.2)
    client.promises.faults.append(f"the analysis of session {made['sessionId']} never ended")


def _follow(stream: httpx.Response, last: str, ended: dict[str, str], client: Client) -> tuple[str, bool]:
    """Read events to the end; returns the id of the last one, and whether it said that all is complete."""
    event: dict[str, str] = {}
    with contextlib.suppress(httpx.TransportError):
        for line in stream.iter_lines():
            name, _, value = line.partition(":")
            if name:
                event[name] = value.strip()
            elif not line and "data" in event:
                last = event["id"]
                data = json.loads(event["data"])
                if event["event"] in {"result", "error"}:
                    if data["imageId"] in ended:
                        client.promises.faults.append(f"{data['imageId']} was told of twice")
                    ended[data["imageId"]] = event["event"]
                if event["event"] == "complete":
                    return last, True
                event = {}
            elif not line:
                event = {}
    return last, False


class Load:
    """A thread for each kind of client, each doing the same over and over until it is told to stop."""

    def __init__(self, *work: tuple[Client, Callable[[Client], None]]) -> None:
        self._work = work
        self._threads = [threading.Thread(target=self._go_on, args=pair, daemon=True) for pair in work]
        self.crashes: list[str] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for client, _ in self._work:
            client.over.set()
        for thread in self._threads:
            thread.join(120)
        assert not any(thread.is_alive() for thread in self._threads), "a client is never answered"
        assert not self.crashes, self.crashes

    def _go_on(self, client: Client, work: Callable[[Client], None]) -> None:
        while not client.over.is_set():
            try:
                work(client)
            except Exception:
                self.crashes.append(traceback.format_exc())
                return
            # So slowly that two workers keep up; films take longest.
            time.sleep(client.random.uniform(0, 5 if work in {filmed, chunked} else 1))
