"""Requests of the Vision API in every form the specification allows, and some that no client library would let through."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from tests.contracts.photos import photo
from tests.contracts.vision_shapes import one, results
from tests.running import PATIENCE, wait_for

SPELLINGS = ("", "/v1")
ENCODINGS = ("json", "urlencoded", "multipart")
UPLOAD, GET, LIST, DELETE, SEARCH = (f"/images/{word}" for word in ("upload", "get", "list", "delete", "search"))
FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
BOUNDARY = "one-boundary"
MULTIPART = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
SOME_ID = "3f0c9a52-6d1e-4b87-9c1f-2a7be5d04411"
ROUTES = (
    ("POST", UPLOAD),
    ("POST", GET),
    ("POST", LIST),
    ("POST", DELETE),
    ("POST", SEARCH),
    ("GET", "/images"),
    ("GET", f"/images/{SOME_ID}"),
    ("DELETE", f"/images/{SOME_ID}"),
)
"""Every route for images, with an id that nobody has."""


def pairs(body):
    """A body as the fields of a form: lists of strings repeated, objects as JSON text, booleans as Python writes them."""
    fields = []
    for name, value in body.items():
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            fields += [(name, item) for item in value]
        elif isinstance(value, dict | list):
            fields.append((name, json.dumps(value)))
        else:
            fields.append((name, "" if value is None else str(value)))
    return fields


def call(client, path, body=None, encoding="json", *, method="POST", headers=None):
    """One call with the same content in one of the three encodings."""
    kind, content = encoded(body or {}, encoding)
    return client.request(method, path, content=content, headers={**kind, **(headers or {})})


def encoded(body, encoding):
    """(headers, content) of a body in one of the three encodings."""
    if encoding == "json":
        return JSON, json.dumps(body).encode()
    if encoding == "urlencoded":
        return FORM, urlencode(pairs(body)).encode()
    return MULTIPART, multipart(*(part(name, value) for name, value in pairs(body)))


def part(name, value, filename=None, content_type=None):
    """One part of a multipart body."""
    disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
    return raw_part(disposition, value, content_type)


def raw_part(disposition, value, content_type=None):
    """One part whose disposition is written as it stands."""
    data = value if isinstance(value, bytes) else value.encode()
    kind = f"Content-Type: {content_type}\r\n" if content_type else ""
    return f"Content-Disposition: {disposition}\r\n{kind}\r\n".encode() + data


def multipart(*parts, boundary=BOUNDARY):
    """A multipart body of such parts."""
    mark = b"--" + boundary.encode()
    return b"".join(mark + b"\r\n" + each + b"\r\n" for each in parts) + mark + b"--\r\n"


def send(client, *parts, path=UPLOAD, headers=MULTIPART):
    """Send parts as one multipart body."""
    return client.post(path, content=multipart(*parts), headers=headers)


def entry(*, index=False, **metadata):
    """What `metadata.requests` says of one image."""
    return {"indexing_config": {"index": index}, "metadata": metadata}


def upload(client, *pictures, metadata=None, path=UPLOAD, **options):
    """Upload pictures, each its bytes or (name, bytes) or (name, bytes, type); metadata is an object, or text as it is sent."""
    files = [("images", picture if isinstance(picture, tuple) else ("photo.jpg", picture)) for picture in pictures]
    data = {} if metadata is None else {"metadata": metadata if isinstance(metadata, str) else json.dumps(metadata)}
    return client.post(path, files=files, data=data, **options)


def stored(client, *entries):
    """Upload one small photo for each entry in one call; returns the images."""
    return results(upload(client, *(photo() for _ in entries), metadata={"requests": list(entries)}))


def plant(client, count=1):
    """Upload photos that are not to be indexed; returns their ids in order of upload."""
    return [image["image_id"] for image in stored(client, *([entry()] * count))]


def listed(client, **body):
    """The ids of a list."""
    return [image["image_id"] for image in results(client.post(LIST, json=body))]


def image(client, image_id):
    """One image as it is now."""
    return one(client.get(f"/images/{image_id}"))


def indexed(client, image_id, status=2):
    """Wait until an image's indexing has ended, which must be so; returns the image."""

    def ended():
        now = image(client, image_id)
        return now if now["indexing_status"] != 1 else None

    now = wait_for(ended, f"{image_id} was not indexed")
    assert now["indexing_status"] == status, now
    return now


def unknown():
    """An id that nobody has."""
    return str(uuid4())


@dataclass
class Raw:
    """An answer to a request that was written by hand."""

    status_code: int
    headers: http.client.HTTPMessage
    content: bytes

    @property
    def text(self):
        """The body as text."""
        return self.content.decode()

    def json(self):
        """The body as JSON."""
        return json.loads(self.content)


def exchange(server, *pieces, patience=PATIENCE):
    """Send pieces of a request as they stand and read one answer."""
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=patience) as connection:
        for piece in pieces:
            connection.sendall(piece)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return Raw(answer.status, answer.msg, answer.read())


def head(method, path, *lines):
    """The head of a request with these header lines."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1")
