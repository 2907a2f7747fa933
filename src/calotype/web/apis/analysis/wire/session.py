"""Sessions."""

from __future__ import annotations

from typing import Literal

from calotype.web.apis.analysis.wire.values import CamelWire, WireMoment


class UploadForm(CamelWire):
    """An upload has no text fields, only files."""


class SessionImage(CamelWire):
    """An image of a session; `upload_path` is a token that is given back as it is."""

    id: str
    upload_path: str
    original_filename: str
    size_bytes: int
    asset_id: str


class UploadedImages(CamelWire):
    """The images of one upload, and the session they went into."""

    session_id: str
    expires_at: WireMoment
    images: list[SessionImage]


class Session(CamelWire):
    """A session with all its images."""

    session_id: str
    created_at: WireMoment
    expires_at: WireMoment
    images: list[SessionImage]


class EndedSession(CamelWire):
    """A session that was ended."""

    session_id: str
    status: Literal["ended"] = "ended"
