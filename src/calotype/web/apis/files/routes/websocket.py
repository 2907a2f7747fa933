"""Live progress of upload sessions over a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from calotype.bootstrap import Application
from calotype.domain.errors import CalotypeError, InvalidInput, NotFound, RateLimited, Unauthenticated
from calotype.domain.principal import Principal
from calotype.domain.upload_session import ProgressEvent
from calotype.web.apis.files.auth import FilesFormat
from calotype.web.apis.files.errors import told
from calotype.web.apis.files.translate.session import channel_of, progress_to_wire, session_of
from calotype.web.apis.files.wire.session import Frame, SessionAnswer
from calotype.web.shared.json_response import to_json
from calotype.web.shared.refusals import note_unavailable
from calotype.web.shared.request_id import request_id

AUTHENTICATION_TIME = 10.0  # seconds a stranger may hold a connection
UNAUTHENTICATED = 4401
_NORMAL, _FAULT = 1000, 1011  # RFC 6455, 7.4.1
_SEND_TIME = 30.0  # seconds a client may take for one frame before it counts as gone
_CHECK = 60.0  # seconds after which a key is looked at again
_MOST_CHANNELS = 1_000

router = APIRouter()
_format = FilesFormat()
_log = structlog.get_logger("calotype.web")


@router.websocket("/ws")
async def websocket(socket: WebSocket) -> None:
    """Subscribe to the channels of upload sessions; a key in the header, or in the first frame."""
    application: Application = socket.app.state.application
    token: str | None = None
    if (header := socket.headers.get("authorization")) is not None:
        try:
            await _format.authenticate(socket.url.path, socket.query_params, socket.headers, application)
        except CalotypeError as error:
            note_unavailable(error, socket.url.path)
            identity = request_id(socket.headers.get("x-request-id"))
            refusal = _format.refusals.to_wire(error, identity)
            refusal.headers["X-Request-ID"] = identity
            await socket.send_denial_response(refusal)
            return
        token = header.partition(" ")[2].strip()
    await socket.accept()
    with contextlib.suppress(WebSocketDisconnect, TimeoutError):
        await _Conversation(socket, application, token).hold()


class _Conversation:
    """One connection: its client's frames are handled one after the other, each subscription sends by itself."""

    def __init__(self, socket: WebSocket, application: Application, token: str | None) -> None:
        self._socket = socket
        self._application = application
        self._token = token
        self._subscriptions: dict[str, asyncio.Task[None]] = {}
        self._sending = asyncio.Lock()

    async def hold(self) -> None:
        """Talk until one side ends it."""
        checking: asyncio.Task[None] | None = None
        try:
            if self._token is None and not await self._first_frame():
                return
            checking = asyncio.create_task(self._check_for_ever())
            while self._is_open:  # frames may have come behind one that was the last
                await self._handle(await self._receive())
        finally:
            tasks = [*self._subscriptions.values(), *([checking] if checking else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def _is_open(self) -> bool:
        return self._socket.application_state is WebSocketState.CONNECTED

    async def _close(self, code: int) -> None:
        if self._is_open:
            await self._socket.close(code)

    # --------------------------------------------------------- authentication

    async def _first_frame(self) -> bool:
        try:
            async with asyncio.timeout(AUTHENTICATION_TIME):
                frame = await self._receive()
            if not isinstance(frame, dict) or frame.get("action") != "authenticate":
                raise Unauthenticated("Send an authenticate frame first")
            await self._authenticate(frame)
        except TimeoutError:
            await self._dismiss(Unauthenticated("No authentication came in time"))
            return False
        except CalotypeError as error:
            await self._dismiss(error)
            return False
        return True

    async def _authenticate(self, frame: dict[str, Any]) -> None:
        token = frame.get("api_key")
        if not isinstance(token, str):
            raise Unauthenticated("Send your API key as api_key")
        principal = await self._application.api_keys.authenticate(token.strip())
        if self._token is not None and principal.scope != (await self._principal()).scope:
            raise InvalidInput("this connection belongs to another key", field="api_key")
        self._token = token.strip()
        await self._send(None, "authenticated", {})

    async def _principal(self) -> Principal:
        # Asked anew each time: a key may have been revoked while the connection was open.
        return await self._application.api_keys.authenticate(self._token or "")

    async def _check_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_CHECK)
            try:
                await self._principal()
            except Unauthenticated as error:
                await self._dismiss(error)
                return
            except CalotypeError as error:
                _log.warning("key not checked", reason=error.message)

    async def _dismiss(self, error: CalotypeError) -> None:
        await self._send_error(None, error)
        await self._close(UNAUTHENTICATED)

    # ----------------------------------------------------------------- frames

    async def _receive(self) -> Any:
        """The next frame as JSON, None when it is no text or no JSON."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        try:
            return json.loads(message.get("text") or "")
        except (ValueError, RecursionError):
            return None

    async def _handle(self, frame: Any) -> None:
        channel = frame.get("channel") if isinstance(frame, dict) else None
        named = channel if isinstance(channel, str) else None
        try:
            await self._action(frame)(frame)
        except CalotypeError as error:
            await self._send_error(named, error)
            if isinstance(error, Unauthenticated):
                await self._close(UNAUTHENTICATED)

    def _action(self, frame: Any) -> Callable[[dict[str, Any]], Awaitable[None]]:
        if not isinstance(frame, dict):
            raise InvalidInput("A frame must be a JSON object", field="frame")
        match frame.get("action"):
            case "authenticate":
                return self._authenticate
            case "subscribe":
                return self._subscribe
            case "unsubscribe":
                return self._unsubscribe
            case _:
                raise InvalidInput("action must be authenticate, subscribe or unsubscribe", field="action")

    # ---------------------------------------------------------- subscriptions

    async def _subscribe(self, frame: dict[str, Any]) -> None:
        channel = _channel(frame)
        self._subscriptions = {name: task for name, task in self._subscriptions.items() if not task.done()}
        if len(self._subscriptions) >= _MOST_CHANNELS:
            raise RateLimited(f"At most {_MOST_CHANNELS} channels a connection", retry_after=1)
        await self._leave(channel)
        principal = await self._principal()
        self._subscriptions[channel] = asyncio.create_task(self._follow(channel, principal))

    async def _unsubscribe(self, frame: dict[str, Any]) -> None:
        await self._leave(_channel(frame))

    async def _leave(self, channel: str) -> None:
        if task := self._subscriptions.pop(channel, None):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _follow(self, channel: str, principal: Principal) -> None:
        """Send what happens to one session; it is told as fast as this client takes it, and nobody waits for that."""
        events = self._application.session_watch.watch(principal.scope, session_of(channel))
        try:
            async with contextlib.aclosing(events):
                async for event in events:
                    await self._tell(channel, event)
        except CalotypeError as error:
            await self._send_error(channel, error)
        except (WebSocketDisconnect, RuntimeError, TimeoutError):
            # Gone, or too slow to be waited for; the receiving side ends the conversation.
            with contextlib.suppress(Exception):
                await self._close(_NORMAL)
        except Exception:
            _log.exception("subscription failed", channel=channel)
            with contextlib.suppress(Exception):
                await self._close(_FAULT)

    async def _tell(self, channel: str, event: ProgressEvent) -> None:
        await self._send(channel, event.kind.value, progress_to_wire(event.progress, datetime.now(UTC)))

    # ---------------------------------------------------------------- sending

    async def _send_error(self, channel: str | None, error: CalotypeError) -> None:
        note_unavailable(error, self._socket.url.path)
        code, message = told(error)
        await self._send(channel, "error", {"code": code, "message": message})

    async def _send(self, channel: str | None, event: str, data: SessionAnswer | dict[str, str]) -> None:
        text = to_json(Frame(channel=channel, event=event, data=data))
        async with self._sending:
            # Not `wait_for`, which before Python 3.12 may swallow that it was cancelled.
            async with asyncio.timeout(_SEND_TIME):
                if not self._is_open:
                    raise WebSocketDisconnect  # closed by us, while this was made or waited for its turn
                await self._socket.send_text(text)


def _channel(frame: dict[str, Any]) -> str:
    channel = frame.get("channel")
    if not isinstance(channel, str):
        raise InvalidInput("channel must be a string", field="channel")
    try:
        return channel_of(session_of(channel))
    except ValueError as error:
        raise NotFound("There is no such channel") from error
