"""Requests for tests without a server."""

from __future__ import annotations

from starlette.requests import Request


def receiver(pieces):
    """A `receive` that gives a body in these pieces, then the end."""
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    waiting = iter(messages)

    async def receive():
        return next(waiting)

    return receive


def request(pieces, content_type=None, method="POST"):
    """A request with a body in pieces."""
    headers = [(b"content-type", content_type.encode())] if content_type else []
    return Request({"type": "http", "method": method, "path": "/", "headers": headers}, receiver(pieces))
