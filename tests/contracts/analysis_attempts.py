"""What a stranger tries with another tenant's sessions: an attempt for every route of the Analysis API that takes an id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from tests.contracts.analysis import PREFIXES, Session, account, form
from tests.contracts.analysis_shapes import SESSION, expect, expect_error
from tests.contracts.photos import photo
from tests.running import RunningServer

DOCUMENTED = PREFIXES[0]
"""The prefix under which the routes stand in the server's document."""


@dataclass
class Quarry:
    """What one tenant owns: a session of two images, credits, and the id of an event of an analysis."""

    session: Session
    event: str

    def state(self) -> list[Any]:
        """Everything of it that a stranger could change."""
        owner = self.session.account
        session = expect(owner.call("GET", f"/sessions/{self.session.id}"), SESSION)
        return [session, owner.credits(), owner.ledger(), owner.others.get("/api/v2/user-files").json()["total_count"]]


def quarry(server: RunningServer) -> Quarry:
    """A tenant's session, one image of which is analysed."""
    session = account(server, 5).open(photo(), photo())
    return Quarry(session, session.analyze(0)[0].id)


Attempt = Callable[[httpx.Client, Quarry], None]


def _attempt(method: str, suffix: str, options: Callable[[Quarry], dict[str, Any]] = lambda _: {}) -> Attempt:
    def attempt(stranger: httpx.Client, owned: Quarry) -> None:
        for prefix in PREFIXES:
            path = f"{prefix}/sessions/{owned.session.id}{suffix}"
            expect_error(stranger.request(method, path, **options(owned)), "SESSION_NOT_FOUND")

    return attempt


def _come_back(stranger: httpx.Client, owned: Quarry) -> None:
    for body, headers in ((owned.session.body(), {}), (owned.session.body(0), {"Last-Event-ID": owned.event})):
        _attempt("POST", "/analyze", lambda _: {"json": body, "headers": headers})(stranger, owned)  # noqa: B023 - called at once


_PATH = f"{DOCUMENTED}/sessions/{{session_id}}"
ATTEMPTS: dict[tuple[str, str], Attempt] = {
    ("GET", _PATH): _attempt("GET", ""),
    ("DELETE", _PATH): _attempt("DELETE", ""),
    ("POST", f"{_PATH}/images"): _attempt("POST", "/images", lambda _: {"files": form(photo())}),
    ("POST", f"{_PATH}/analyze"): _come_back,
    ("POST", f"{_PATH}/analyze-single"): _attempt(
        "POST", "/analyze-single", lambda owned: {"json": owned.session.single_body()}
    ),
}
