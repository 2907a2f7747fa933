"""Multipart bodies parsed as they arrive: no part is ever held whole or spooled to a file."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from starlette.requests import Request

from calotype.domain.errors import InvalidInput, TooLarge

MAX_FIELD_BYTES = 64 * 1024
MAX_PARTS = 1_000


class Part:
    """One part of a multipart body; its content must be consumed before the next part is asked for."""

    def __init__(
        self,
        name: str,
        filename: str | None,
        content_type: str | None,
        body: AsyncIterator[MultipartSegment | bytes | None],
    ) -> None:
        self.name = name
        self.filename = filename
        self.content_type = content_type
        self._body = body

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content as it arrives."""
        async for event in self._body:
            if event is None:
                return
            assert not isinstance(event, MultipartSegment)
            yield event

    async def content(self, limit: int) -> bytes:
        """The whole content of a small part. Raises TooLarge above `limit` bytes."""
        content = bytearray()
        async for chunk in self.chunks():
            content += chunk
            if len(content) > limit:
                raise TooLarge(f"The field {self.name!r} is longer than {limit} bytes", limit=limit)
        return bytes(content)

    def decoded(self, content: bytes) -> str:
        """The text that some content is. Raises InvalidInput when it is not UTF-8."""
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise InvalidInput("must be UTF-8 text", field=self.name) from error

    async def text(self) -> str:
        """The content of a field. Raises TooLarge above 64 KiB, InvalidInput when it is not UTF-8."""
        return self.decoded(await self.content(MAX_FIELD_BYTES))


async def parts(
    request: Request, *, most: int = MAX_PARTS, chunks: AsyncIterator[bytes] | None = None
) -> AsyncIterator[Part]:
    """The parts of a multipart request, in order; none when the body is of another type.

    `chunks` is the body where somebody has begun to read it already. Raises InvalidInput for a malformed body or more than
    `most` parts.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != "multipart/form-data":
        return
    if not options.get("boundary"):
        raise InvalidInput("the multipart body has no boundary", field="body")
    events = _events(chunks or request.stream(), options["boundary"], most)
    count = 0
    async for event in events:
        if not isinstance(event, MultipartSegment):
            continue  # what nobody wanted of the part before
        count += 1
        if count > most:
            raise InvalidInput(f"at most {most} parts are allowed", field="body")
        filename = _utf8(event.filename) if event.filename is not None else None
        yield Part(_utf8(event.name or ""), filename, event.content_type, events)


def _utf8(header: str) -> str:
    """The text of a header, which is UTF-8 unless it cannot be: clients on old file systems send names as they are there."""
    with contextlib.suppress(UnicodeError):
        return header.encode("latin-1").decode()
    return header


async def _events(
    chunks: AsyncIterator[bytes], boundary: str, most: int
) -> AsyncIterator[MultipartSegment | bytes | None]:
    # Faults are translated here, because most of them show while the content of a part is being read.
    try:
        with PushMultipartParser(boundary, max_segment_count=most + 1, header_charset="latin-1") as parser:
            async for chunk in chunks:
                for event in parser.parse(chunk):
                    yield event
            # Leaving the parser's context raises when the last boundary never came.
    except MultipartError as error:
        raise InvalidInput(f"the multipart body is malformed: {error}", field="body") from error


async def form_fields(request: Request) -> dict[str, str]:
    """The text fields of a multipart or url-encoded form; the last of several wins. Any other body has none."""
    kind, _ = parse_options_header(request.headers.get("content-type", ""))
    if kind == "application/x-www-form-urlencoded":
        return await _urlencoded(request)
    fields: dict[str, str] = {}
    async for part in parts(request):
        if part.filename is None:
            fields[part.name] = await part.text()
    return fields


async def _urlencoded(request: Request) -> dict[str, str]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FIELD_BYTES:
            raise TooLarge(f"The form is longer than {MAX_FIELD_BYTES} bytes", limit=MAX_FIELD_BYTES)
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARTS))
    except ValueError as error:
        raise InvalidInput("the form is malformed", field="body") from error
