"""An OpenAI-compatible endpoint for chat completions: one question, as many attempts as it is worth."""

from __future__ import annotations

import asyncio
import json
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
# What to say instead of a word that is not understood; nothing where there is no other.
_OTHER_WORDS = {"max_tokens": "max_completion_tokens"}
_LONGEST_READ = 10_000
_LONGEST_LOGGED = 500
_AWAY = "the vision model cannot be reached now"
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


class VisionEndpoint:
    """Asks with time-outs, retries and a circuit breaker; safe to be used by many tasks of one event loop.

    Servers differ in what they understand: those that refuse `max_tokens` are told `max_completion_tokens`, those that know no
    `response_format` go without. Either is found out once in a process.
    """

    def __init__(
        self,
        ask: Ask,
        api_key: str | None = None,
        *,
        breaker: CircuitBreaker | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._ask = ask
        self._api_key = api_key
        self._breaker = breaker or CircuitBreaker(f"{_AWAY}; it failed several times just before")
        self._sleep = sleep
        self._jitter = jitter
        self._words: dict[str, str | None] = {}

    async def complete(self, question: Mapping[str, Any], read: Callable[[Any], Result]) -> Result:
        """The answer to a question (the body of a chat completion), as `read` makes it of the JSON document.

        `read` raises UnusableAnswer, which is worth another attempt, or DescriptionFailed, which is not. Raises Unavailable for
        an endpoint that is away, too slow or overloaded, and DescriptionFailed for one that refuses, or whose answers cannot be
        used. Messages name neither address nor key, and quote nothing of the answer.
        """
        for attempt in range(1, MOST_ATTEMPTS + 1):
            pause = timedelta()
            try:
                return await self._attempt(question, read)
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

    async def _attempt(self, question: Mapping[str, Any], read: Callable[[Any], Result]) -> Result:
        try:
            with self._breaker.call():
                answer = await self._ask_in_its_words(question)
                document = self._document(answer)
        except _Busy as busy:
            raise busy.fault from busy
        with self._logged(answer):
            return read(document)

    async def _ask_in_its_words(self, question: Mapping[str, Any]) -> Answer:
        """Ask, and again without a key that the server turns out not to know; what it takes is remembered."""
        words = dict(self._words)
        while True:
            asked = {word: value for key, value in question.items() if (word := words.get(key, key)) is not None}
            answer = await self._ask_once(asked)
            key = _key_not_understood(answer)
            word = words.get(key, key) if key else None
            if key is None or word is None:
                if _is_success(answer.status):
                    self._words = words
                return answer
            words[key] = _OTHER_WORDS.get(word)
            _log.info("vision endpoint does not know a key", key=key, instead=words[key])

    async def _ask_once(self, question: Mapping[str, Any]) -> Answer:
        body = json.dumps(question).encode("ascii")
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._api_key:
            headers["Authorization"] = f"Bearer {self._api_key}"
        try:
            return await self._ask(body, headers)
        except DownloadFailed as error:
            _log.warning("vision endpoint not reached", reason=error.message)
            raise _PassingFault(_AWAY) from error
        except TooLarge as error:
            _log.warning("vision endpoint answers too much", reason=error.message)
            raise UnusableAnswer("the vision model's answer is too large") from error

    def _document(self, answer: Answer) -> Any:
        """The JSON document of an answer. Raises what its status, or an error told within, stands for."""
        with self._logged(answer):
            self._check_status(answer.status, answer.retry_after)
            try:
                document = load_json(answer.body.decode())
            except ValueError as error:
                raise UnusableAnswer("the vision model's answer is no JSON") from error
            if isinstance(document, dict) and document.get("error") and not document.get("choices"):
                self._check_status(_status_told(document["error"]), None)
            return document

    @staticmethod
    def _check_status(status: int, retry_after: str | None) -> None:
        if _is_success(status):
            return
        if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            fault = _PassingFault(f"{_AWAY} ({status})", pause_asked_for(retry_after, datetime.now(UTC)))
            raise _Busy(fault) if status in _BUSY else fault
        raise DescriptionFailed(f"the vision model refused the request ({status})")

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
                "vision endpoint answer not used",
                reason=str(error),
                answered=answer.status,
                said=said[:_LONGEST_LOGGED],
            )
            raise


def _is_success(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def _status_told(error: Any) -> int:
    """The status of an error that came with a status of success, as gateways send it."""
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int) and HTTPStatus.BAD_REQUEST <= code <= HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED:
        return code
    return HTTPStatus.BAD_GATEWAY


def _key_not_understood(answer: Answer) -> str | None:
    """Which of the keys that not every server knows a refusal is about."""
    said = answer.body[:_LONGEST_READ] if answer.status in _MISUNDERSTOOD else b""
    return next((key for key in ("max_tokens", "response_format") if key.encode() in said), None)
