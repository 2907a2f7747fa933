"""What sites ask of programs that visit them: robots.txt, fetched like everything else, and kept for a while (RFC 9309)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from calotype.crawling.fetcher import Fetcher, Reply
from calotype.crawling.robots_text import RobotsText, read_robots
from calotype.domain.errors import AddressNotAllowed, DownloadFailed

MAX_ROBOTS_BYTES = 500 * 1024  # RFC 9309, section 2.5; what follows is not read
LONGEST_DELAY = 10.0  # seconds; some sites ask for hours

_KEEP = 3600.0  # seconds
_KEEP_FAILURE = 60.0
_MOST_ORIGINS = 1000
_MOST_CHARACTERS = 1024 * 1024  # of all rules together; read, they take up to a hundred times as much
_LONG = 16 * 1024  # bytes that are read soon enough for everything else to wait

Origin = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of one origin until then: its rules, or why they could not be had."""

    until: float
    rules: RobotsText
    failure: AddressNotAllowed | DownloadFailed | None = None


@dataclass(slots=True)
class _Question:
    """One request that is under way, and how many wait for it."""

    task: asyncio.Task[_Known]
    waiting: int = 0


class RobotsRules:
    """Tells what may be visited, by the robots.txt of the origin (scheme, host and port) a URL is on.

    Rules are kept for an hour and failures for a minute, of 1,000 origins at most; those asked for longest ago give way.
    """

    def __init__(
        self, fetcher: Fetcher, *, agent: str = "Calotype", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetcher = fetcher
        self._agent = agent
        self._clock = clock
        self._known: dict[Origin, _Known] = {}
        self._characters = 0
        self._asking: dict[Origin, _Question] = {}

    async def check(self, url: str) -> float | None:
        """Ask whether a URL may be visited; gives the seconds the site wants between two visits, if any, ten at most.

        Raises AddressNotAllowed for where nothing is fetched from; DownloadFailed when the site forbids it, and also, mostly
        passing, when its rules could not be had: a server in trouble is no permission, one that has no rules is.
        """
        target = self._fetcher.check.target(url)
        origin = (target.url.partition(":")[0], target.host.name, target.port)
        known = self._fresh(origin) or await self._asked(origin, target.url)
        if known.failure:
            raise type(known.failure)(known.failure.message, **known.failure.context)
        if not known.rules.allows(target.url):
            raise DownloadFailed("robots.txt of the site forbids it")
        delay = known.rules.crawl_delay
        return None if delay is None else min(delay, LONGEST_DELAY)

    def _fresh(self, origin: Origin) -> _Known | None:
        known = self._known.pop(origin, None)
        if known is None:
            return None
        if known.until <= self._clock():
            self._characters -= known.rules.size
            return None
        self._known[origin] = known  # the last to give way now
        return known

    async def _asked(self, origin: Origin, url: str) -> _Known:
        """Have one request answer all who ask meanwhile; it ends with the last of them."""
        question = self._asking.get(origin)
        if question is None:
            question = self._asking[origin] = _Question(asyncio.ensure_future(self._ask(origin, url)))
        question.waiting += 1
        try:
            return await asyncio.shield(question.task)
        finally:
            question.waiting -= 1
            if not question.waiting:
                question.task.cancel()
                if self._asking.get(origin) is question:
                    del self._asking[origin]

    async def _ask(self, origin: Origin, url: str) -> _Known:
        scheme, _, rest = url.partition("://")
        known = await self._fetched(f"{scheme}://{rest.partition('/')[0]}/robots.txt")
        self._known[origin] = known
        self._characters += known.rules.size
        while len(self._known) > _MOST_ORIGINS or (self._characters > _MOST_CHARACTERS and len(self._known) > 1):
            self._characters -= self._known.pop(next(iter(self._known))).rules.size
        return known

    async def _fetched(self, url: str) -> _Known:
        nothing = RobotsText(0, None)
        try:
            reply = await self._fetcher.beginning(url, limit=MAX_ROBOTS_BYTES)
        except AddressNotAllowed as error:
            return _Known(self._clock() + _KEEP_FAILURE, nothing, error)
        except DownloadFailed as error:
            if error.context.get("is_endless"):  # section 2.3.1.2: as if there were none
                return _Known(self._clock() + _KEEP, nothing)
            return _Known(self._clock() + _KEEP_FAILURE, nothing, _failed(error.message, **error.context))
        if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR or reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            failure = _failed(f"the server answered {reply.status}", is_passing=True)
            return _Known(self._clock() + _KEEP_FAILURE, nothing, failure)
        rules = await self._read(reply) if reply.status == HTTPStatus.OK else nothing
        return _Known(self._clock() + _KEEP, rules)

    async def _read(self, reply: Reply) -> RobotsText:
        body = reply.body
        if len(body) >= MAX_ROBOTS_BYTES:  # half a rule is another rule
            body = body[: max(body.rfind(b"\n"), body.rfind(b"\r")) + 1]
        if len(body) <= _LONG:
            return read_robots(body, self._agent)
        return await asyncio.to_thread(read_robots, body, self._agent)


def _failed(why: str, **context: bool) -> DownloadFailed:
    return DownloadFailed(f"robots.txt of the site could not be had: {why}", **context)
