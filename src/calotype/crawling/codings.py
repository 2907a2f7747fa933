"""Content codings of answers: what is asked for where a text is wanted, and unpacking it piece by piece."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from calotype.domain.errors import DownloadFailed

IDENTITY = "identity"
UNPACKED = "gzip, deflate"
"""What `Unpacker` reads, as it is said in `Accept-Encoding`."""

_PIECE = 64 * 1024  # bytes; one that is small in the answer may be a thousand times as large
_GZIP = {"gzip", "x-gzip"}  # RFC 9110, section 8.4.1.3
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,_-]{0,39}")  # what of a server's header is shown to people


class Unpacker:
    """Unpacks one body of gzip or deflate, never more than a piece ahead of whoever takes the pieces.

    What follows behind the end of the coded body is no part of it, as for browsers.
    """

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._start = b""
        self._stream: zlib._Decompress | None = None

    @property
    def is_over(self) -> bool:
        """Whether the coded body has come to its end."""
        return self._stream is not None and self._stream.eof

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What these bytes unpack to, 64 KiB at most at a time. Raises DownloadFailed for what is not so coded."""
        if self._stream is None:
            data = self._start = self._start + data
            if len(data) < 2:
                return
            self._stream = zlib.decompressobj(_window(self._coding, data))
        try:
            while not self._stream.eof:
                piece = self._stream.decompress(data, _PIECE)
                data = self._stream.unconsumed_tail
                if piece:
                    yield piece
                if not data and len(piece) < _PIECE:  # of a full one the rest may be kept inside, with no input left
                    return
        except zlib.error as error:
            raise DownloadFailed("the answer is compressed in a way that cannot be read") from error

    def finish(self) -> Iterator[bytes]:
        """What is still held back at the end of the answer. Raises DownloadFailed when the body was not whole."""
        if self._stream is None and not self._start:
            return  # servers name a coding for nothing at all, too
        if self._stream is not None:
            yield from self.pieces(b"")
        if not self.is_over:
            raise DownloadFailed("the answer ended before it was whole", is_passing=True)


def unpacker_of(codings: str, accepted: str) -> Unpacker | None:
    """What unpacks an answer of these codings, as its header says them; None where nothing is to be unpacked.

    Raises DownloadFailed for codings that were not asked for, and for several in a row, which are how bombs are made.
    """
    coding = codings.strip().lower()
    if coding in {"", IDENTITY}:
        return None
    if accepted == UNPACKED and coding in _GZIP | {"deflate"}:
        return Unpacker(coding)
    raise DownloadFailed(f"the answer is compressed ({shown(codings.strip())}) although that was not asked for")


def shown(value: str) -> str:
    """A server's own word, if it is one that people may be shown."""
    return value if _TOKEN.fullmatch(value) else "an unknown one"


def _window(coding: str, start: bytes) -> int:
    if coding in _GZIP:
        return zlib.MAX_WBITS + 16
    # Many servers mean bare deflate by the word and not the zlib format of RFC 1950, whose first two bytes are a check.
    is_zlib = start[0] & 0x0F == zlib.DEFLATED and int.from_bytes(start[:2]) % 31 == 0
    return zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS
