"""An OpenAI-compatible API that the operator named: one question, as many attempts as it is worth."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Protocol, TypeVar

import structlog

from calotype.ai.circuit_breaker import CircuitBreaker
from calotype.domain.errors import DescriptionFailed, DownloadFailed, TooLarge, Unavailable
from calotype.domain.json_text import load_json
from calotype.domain.retry_after import pause_asked_for

Result = TypeVar("Result")

MOST_ATTEMPTS = 3
FIRST_PAUSE = 1.0
LONGEST_PAUSE_ASKED_FOR = timedelta(seconds=30)
"""Attempts in all; seconds of the pause after the first, which then doubles; the longest pause that is granted a server."""

_BUSY = {HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_PASSING = {HTTPStatus.REQUEST_TIMEOUT} | _BUSY
_MISUNDERSTOOD = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
_LONGEST_READ = 10_000
_LONGEST_LOGGED = 500
_log = structlog.get_logger(__name__)


class Answer(Protocol):
    """A whole answer over HTTP; `retry_after` is that header as it came."""

    @property
    def status(self) -> int:
        """The status of the answer."""
        ...

    @property
    def retry_after(self) -> str | None:
        """The header as it came."""
        ...

    @property
    def body(self) -> bytes:
        """All of its bytes."""
        ...


class Ask(Protocol):
    """Brings a body to the endpoint, with these headers, and gives the whole answer.

    Raises DownloadFailed when there was none in time, and TooLarge.
    """

    async def __call__(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Ask once."""
        ...


class UnusableAnswer(Exception):
    """An answer that nothing can be done with; another one may be better. Its text is for people."""


class _PassingFault(Unavailable):
    """The endpoint is away or overloaded; `pause` is what it asks for."""

    def __init__(self, message: str, pause: timedelta = timedelta()) -> None:
        super().__init__(message)
        self.pause = pause


class _Busy(Exception):
    """The endpoint answers, though only that it has too much to do."""

    def __init__(self, fault: _PassingFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class ModelEndpoint:
    """Asks with time-outs, retries and a circuit breaker; safe to be used by many tasks of one event loop.

    `name` says what answers there ("vision model"), for messages. `result_key` is the key that only an answer has, not an error.
    What is asked, and in which words, is for those to say who use it.
    """

    def __init__(
        self,
        name: str,
        ask: Ask,
        api_key: str | None = None,
        *,
        result_key: str,
        breaker: CircuitBreaker | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._name = name
        self._away = f"the {name} cannot be reached now"
        self._ask = ask
        self._api_key = api_key
        self._result_key = result_key
        self._breaker = breaker or CircuitBreaker(f"{self._away}; it failed several times just before")
        self._sleep = sleep
        self._jitter = jitter

    async def answer(self, send: Callable[[], Awaitable[Answer]], read: Callable[[Any], Result]) -> Result:
        """The answer to a question that `send` brings to `ask_once`, as `read` makes it of the JSON document.

        `read` raises UnusableAnswer, which is worth another attempt, or DescriptionFailed, which is not. Raises Unavailable for
        an endpoint that is away, too slow or overloaded, and DescriptionFailed for one that refuses, or whose answers cannot be
        used. Messages name neither address nor key, and quote nothing of the answer.
        """
        for attempt in range(1, MOST_ATTEMPTS + 1):
            pause = timedelta()
            try:
                return await self._attempt(send, read)
            except _PassingFault as fault:
                pause = fault.pause
                if attempt == MOST_ATTEMPTS or pause > LONGEST_PAUSE_ASKED_FOR:
                    raise Unavailable(fault.message, of="model") from fault
            except UnusableAnswer as error:
                if attempt == MOST_ATTEMPTS:
                    raise DescriptionFailed(str(error)) from error
                continue  # nobody is overloaded, so there is nothing to wait for
            growing = FIRST_PAUSE * 2 ** (attempt - 1) * (0.5 + self._jitter() / 2)
            await self._sleep(max(growing, pause.total_seconds()))
        raise AssertionError

    async def ask_once(self, body: bytes, content_type: str) -> Answer:
        """One request, with the key; for what `send` does. Its status may be any."""
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        if self._api_key:
            headers["Authorization"] = f"Bearer {self._api_key}"
        try:
            return await self._ask(body, headers)
        except DownloadFailed as error:
            _log.warning("model endpoint not reached", of=self._name, reason=error.message)
            raise _PassingFault(self._away) from error
        except TooLarge as error:
            _log.warning("model endpoint answers too much", of=self._name, reason=error.message)
            raise UnusableAnswer(f"the {self._name}'s answer is too large") from error

    async def _attempt(self, send: Callable[[], Awaitable[Answer]], read: Callable[[Any], Result]) -> Result:
        try:
            with self._breaker.call():
                answer = await send()
                document = self._document(answer)
        except _Busy as busy:
            raise busy.fault from busy
        with self._logged(answer):
            return read(document)

    def _document(self, answer: Answer) -> Any:
        """The JSON document of an answer. Raises what its status, or an error told within, stands for."""
        with self._logged(answer):
            self._check_status(answer.status, answer.retry_after)
            try:
                document = load_json(answer.body.decode())
            except ValueError as error:
                raise UnusableAnswer(f"the {self._name}'s answer is no JSON") from error
            if isinstance(document, dict) and document.get("error") and not document.get(self._result_key):
                self._check_status(_status_told(document["error"]), None)
            return document

    def _check_status(self, status: int, retry_after: str | None) -> None:
        if is_success(status):
            return
        if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            fault = _PassingFault(f"{self._away} ({status})", pause_asked_for(retry_after, datetime.now(UTC)))
            raise _Busy(fault) if status in _BUSY else fault
        raise DescriptionFailed(f"the {self._name} refused the request ({status})")

    @contextmanager
    def _logged(self, answer: Answer) -> Iterator[None]:
        """Tell the operator what an answer that cannot be used said."""
        try:
            yield
        except (_Busy, UnusableAnswer, Unavailable, DescriptionFailed) as error:
            said = answer.body[: 4 * _LONGEST_LOGGED].decode(errors="replace")
            if self._api_key:
                said = said.replace(self._api_key, "...")
            _log.warning(
                "model endpoint answer not used",
                of=self._name,
                reason=str(error),
                answered=answer.status,
                said=said[:_LONGEST_LOGGED],
            )
            raise


def is_success(status: int) -> bool:
    """Whether a status says that the request was done."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def word_not_understood(answer: Answer, words: tuple[str, ...]) -> str | None:
    """The first of the words, of which not every server knows each, that a refusal is about."""
    said = answer.body[:_LONGEST_READ] if answer.status in _MISUNDERSTOOD else b""
    return next((word for word in words if word.encode() in said), None)


def _status_told(error: Any) -> int:
    """The status of an error that came with a status of success, as gateways send it."""
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int) and HTTPStatus.BAD_REQUEST <= code <= HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED:
        return code
    return HTTPStatus.BAD_GATEWAY
