"""Bodies of requests: JSON, url-encoded and multipart forms all become the same dictionary.

Values of a form stay lists of all that were sent under one name (`FormValues`); the models decide whether one is meant or many.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qsl

from fastapi.exceptions import RequestValidationError
from multipart import parse_options_header
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from calotype.domain.errors import InvalidInput, TooLarge, Unsupported
from calotype.domain.json_text import load_object
from calotype.web.apis.vision.wire.values import MAX_FIELDS, FormValues
from calotype.web.shared.multipart import Part, parts

_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
Model = TypeVar("Model", bound=BaseModel)
Body = dict[str, Any]


async def read_body(
    request: Request,
    limit: int,
    take_file: Callable[[Part], Awaitable[bool]] | None = None,
    *,
    known: Collection[str] | None = None,
) -> Body:
    """The fields of a body, at most `limit` bytes of text; files are given to `take_file`, which says whether it took them.

    Parts of a form that are not `known`, where that is given, are read and forgotten. Raises InvalidInput (field `body`)
    when malformed, Unsupported for other types than the three, TooLarge.
    """
    kind, _ = parse_options_header(request.headers.get("content-type", ""))
    kind = kind.strip().lower()
    chunks = aiter(request.stream())
    first = b""
    while not first.strip():
        if len(first) > limit:
            raise _too_large(limit)
        try:
            first += await anext(chunks)
        except StopAsyncIteration:
            return {}  # nothing at all means no fields, whatever its type
    body = _joined(first, chunks)
    if kind == _MULTIPART:
        return await _multipart(request, body, limit, take_file, known)
    text = await _whole(body, limit)
    if kind == _FORM:
        return _urlencoded(text)
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise Unsupported(f"Bodies of type {kind} are not read; send JSON or a form")
    return load_object(text, "The body", "body")


class TakesFiles(Protocol):
    """An upload while its request is read."""

    async def take(self, filename: str, chunks: AsyncIterator[bytes], /) -> None:
        """Take a file while it arrives."""

    async def ignore(self, chunks: AsyncIterator[bytes], /) -> None:
        """Read a file that nobody asked for."""


async def read_upload(request: Request, upload: TakesFiles, model: type[BaseModel], files: str) -> Body:
    """The fields of an upload; its parts called `files` are taken, other files that are no field of `model` are ignored."""

    async def take(part: Part) -> bool:
        if part.name == files:
            await upload.take(part.filename or "", part.chunks())
        elif part.name not in model.model_fields:
            await upload.ignore(part.chunks())
        else:
            return False
        return True

    limit = request.state.wire_format.max_body_bytes
    return await read_body(request, limit, take, known={files, *model.model_fields})


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body of this request may have at most {limit} bytes", limit=limit)


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


async def _whole(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def _urlencoded(text: bytes) -> Body:
    try:
        pairs = parse_qsl(text.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise InvalidInput("The form is malformed", field="body") from error
    return _collected(pairs)


def _collected(pairs: list[tuple[str, str]]) -> Body:
    fields: Body = {}
    for name, value in pairs:
        fields.setdefault(name, FormValues()).append(value)
    return fields


async def _multipart(
    request: Request,
    chunks: AsyncIterator[bytes],
    limit: int,
    take_file: Callable[[Part], Awaitable[bool]] | None,
    known: Collection[str] | None,
) -> Body:
    pairs: list[tuple[str, str]] = []
    left = limit
    async for part in parts(request, most=MAX_FIELDS, chunks=chunks):
        if part.filename and take_file is not None and await take_file(part):
            continue
        content = await part.content(left)
        left -= len(content)
        if known is None or part.name in known:
            pairs.append((part.name, part.decoded(content)))
    return _collected(pairs)


def validated(model: type[Model], fields: Body, place: str = "body") -> Model:
    """Check a body, or a query, against its model. Raises RequestValidationError."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise RequestValidationError([{**fault, "loc": (place, *fault["loc"])} for fault in faults]) from error


def body_of(model: type[Model]) -> Callable[[Request], Awaitable[Model]]:
    """The dependency that reads a model from the body, however that is encoded."""

    async def read(request: Request) -> Model:
        limit = request.state.wire_format.max_body_bytes
        return validated(model, await read_body(request, limit, known=model.model_fields))

    return read


def query_of(model: type[Model]) -> Callable[[Request], Awaitable[Model]]:
    """The dependency that reads a model from the query, as if that were a form."""

    async def read(request: Request) -> Model:
        return validated(model, _collected(request.query_params.multi_items()), "query")

    return read
