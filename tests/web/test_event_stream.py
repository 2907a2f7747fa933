"""Streams of events end in order, whichever way their client goes."""

from __future__ import annotations

import asyncio

import pytest

from calotype.web.shared.event_stream import EventStream, event_frame


class Frames:
    """A generator that notes how it ended, and what was sent of it."""

    def __init__(self):
        self.ends = []
        self.sent = []
        self.may_go_on = asyncio.Event()
        self.is_open = asyncio.Event()

    async def frames(self):
        """One frame, then another when the test lets it."""
        try:
            yield event_frame("1-1", "progress", "{}")
            await self.may_go_on.wait()
            yield event_frame("1-2", "complete", "{}")
            self.ends.append("whole")
        finally:
            self.ends.append("closed")

    async def play(self, receive, *, fails=False, spec="2.3"):
        """Send the stream to a client."""

        async def send(message):
            if fails and message["type"] == "http.response.body":
                raise OSError("gone")
            self.sent.append(message)
            if len(self.sent) > 1:
                self.is_open.set()

        stream = EventStream(self.frames(), lambda: self.ends.append("released"))
        scope = {"type": "http", "method": "POST", "asgi": {"spec_version": spec}, "headers": []}
        await stream(scope, receive, send)


async def never():
    """A client that stays."""
    await asyncio.get_running_loop().create_future()


async def gone():
    """A client that goes away."""
    return {"type": "http.disconnect"}


async def test_a_whole_stream_is_sent_and_released():
    """With the headers that keep proxies from holding it back."""
    frames = Frames()
    frames.may_go_on.set()
    await frames.play(never)
    assert frames.ends == ["whole", "closed", "released"]
    headers = dict(frames.sent[0]["headers"])
    assert headers[b"content-type"] == b"text/event-stream"
    assert (headers[b"cache-control"], headers[b"x-accel-buffering"]) == (b"no-cache", b"no")
    body = b"".join(message.get("body", b"") for message in frames.sent)
    assert body == b"id: 1-1\nevent: progress\ndata: {}\n\nid: 1-2\nevent: complete\ndata: {}\n\n"


async def test_a_client_that_goes_away_ends_it():
    """The frames are closed before it counts as released."""
    frames = Frames()
    await frames.play(gone)
    assert frames.ends[-1] == "released"
    assert "whole" not in frames.ends


@pytest.mark.parametrize("spec", ["2.3", "2.4"])
async def test_a_connection_that_breaks_ends_it(spec):
    """Whatever the server calls it."""
    frames = Frames()
    with pytest.raises(BaseException):  # noqa: B017 - each server's own
        await frames.play(never, fails=True, spec=spec)
    assert frames.ends == ["closed", "released"]


async def test_a_request_that_is_cancelled_ends_it():
    """As when a server stops for good."""
    frames = Frames()
    playing = asyncio.create_task(frames.play(never))
    await frames.is_open.wait()
    playing.cancel()
    await asyncio.wait([playing])
    assert frames.ends == ["closed", "released"]
