"""Plain text in any encoding: recognised while it streams in, decoded, and taken apart into paragraphs."""

from __future__ import annotations

import codecs
import re

from calotype.documents.cleaning import clean, trimmed
from calotype.documents.encoding_guess import guess_encoding
from calotype.documents.notes import Notes
from calotype.domain.document import Block, BlockKind, ReadDocument
from calotype.domain.errors import Unsupported

# The longer ones first: the mark of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LONGEST_MARK = 4
# Files of DOS end in 0x1A.
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\f\r\x1a\x1b")) + b"\x7f"
_CONTROL = re.compile(b"[" + re.escape(_CONTROLS) + b"]")
_CONTROL_CHARACTER = re.compile("[" + re.escape(_CONTROLS.decode("ascii")) + "]")
_ESCAPES = re.compile(rb"\x1b(?:\$[@B]|\([BIJ])")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
_LOST = re.compile("[\udc80-\udcff]")
_LOST_SIGN = "\ufffd"
# Where one in so many characters beyond ASCII is broken, the text is still UTF-8.
_STILL_UTF8 = 10
_NO_TEXT = "The file is no text"


class TextCheck:
    """Tells while the bytes of a file stream in whether they can be text; every method raises Unsupported when they cannot."""

    def __init__(self) -> None:
        self._head: bytes | None = b""
        self._decoder: codecs.IncrementalDecoder | None = None

    def accepts(self, chunk: bytes) -> None:
        """Look at the next bytes."""
        if self._head is not None:
            self._head += bytes(chunk)
            if len(self._head) < _LONGEST_MARK:
                return
            chunk = self._begin()
        self._look(chunk, final=False)

    def finish(self) -> None:
        """Look at what was held back, once there are no more bytes."""
        self._look(self._begin() if self._head is not None else b"", final=True)

    def _begin(self) -> bytes:
        head, self._head = self._head or b"", None
        mark, encoding = _mark(head)
        # In these, NUL bytes are half of every Latin letter.
        if encoding is not None and encoding != "utf-8":
            self._decoder = codecs.getincrementaldecoder(encoding)()
        return head[len(mark) :]

    def _look(self, chunk: bytes, *, final: bool) -> None:
        if self._decoder is None:
            if _CONTROL.search(chunk):
                raise Unsupported(_NO_TEXT)
            return
        try:
            text = self._decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            raise Unsupported(_NO_TEXT) from error
        if _CONTROL_CHARACTER.search(text):
            raise Unsupported(_NO_TEXT)


def could_be_text(head: bytes) -> bool:
    """Whether a file that begins with these bytes can be text."""
    check = TextCheck()
    try:
        check.accepts(head)
        # A short file is wholly here; of a longer one the last character may be cut.
        if len(head) < _LONGEST_MARK:
            check.finish()
    except Unsupported:
        return False
    return True


def decode_text(data: bytes) -> tuple[str, str]:
    """The text of a file and the name of its encoding: by its mark, as UTF-8, else by a guess. Never fails.

    Lines end with a newline alone, and there are neither control characters nor half characters.
    """
    mark, encoding = _mark(data)
    if encoding is not None and encoding != "utf-8":
        return clean(data[len(mark) :].decode(encoding, "replace")), encoding
    text, encoding = _decoded(data[len(mark) :])
    return clean(text), encoding


def read_text(path: str, *, max_characters: int) -> ReadDocument:
    """The paragraphs of a text file, which blank lines part."""
    text, encoding, notes = load_text(path, max_characters=max_characters)
    return ReadDocument(blocks=paragraphs(text), notes=notes, encoding=encoding)


def load_text(path: str, *, max_characters: int) -> tuple[str, str, tuple[str, ...]]:
    """The text of a file, its encoding, and notes on what was left out of it."""
    notes = Notes()
    # No encoding needs more bytes a character, but for those with escapes, of which the end is then cut.
    with open(path, "rb") as file:  # noqa: PTH123 - a path of our own, of which only the beginning is read
        data = file.read(4 * max_characters + _LONGEST_MARK + 1)
    text, encoding = decode_text(data)
    if len(text) > max_characters or len(data) > 4 * max_characters + _LONGEST_MARK:
        text = text[:max_characters]
        notes.add(f"Only the first {max_characters} characters were read")
    # Nothing is lost of UTF-8: where this sign stands in it, the author put it there.
    if _LOST_SIGN in text and encoding != "utf-8":
        notes.add("Some characters could not be read")
    return text, encoding, notes.all


def paragraphs(text: str) -> tuple[Block, ...]:
    """The paragraphs of clean text, each with the lines it has."""
    return tuple(
        Block(BlockKind.PARAGRAPH, part) for piece in _BLANK_LINE.split(text) if (part := trimmed(piece)).strip()
    )


def _mark(data: bytes) -> tuple[bytes, str | None]:
    return next(((mark, name) for mark, name in _MARKS if data.startswith(mark)), (b"", None))


def _decoded(data: bytes) -> tuple[str, str]:
    if _ESCAPES.search(data) and data.isascii():
        try:
            return data.decode("iso2022_jp_ext"), "iso2022-jp"
        except UnicodeDecodeError:
            pass
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        text = data.decode("utf-8", "surrogateescape")
    lost = len(_LOST.findall(text))
    beyond = sum(not character.isascii() for character in text) - lost
    if lost * _STILL_UTF8 <= beyond:
        # The few bytes that are no UTF-8 come from another file that was pasted in.
        return _LOST.sub(lambda byte: _western(bytes([ord(byte[0]) - 0xDC00])), text), "utf-8"
    return _guessed(data)


def _guessed(data: bytes) -> tuple[str, str]:
    encoding = guess_encoding(data)
    if encoding is None or encoding == "windows-1252":
        return _western(data), "windows-1252"
    return data.decode(encoding, "replace"), encoding


def _western(data: bytes) -> str:
    """Windows-1252; the five bytes that have no meaning there as in ISO 8859-1."""
    try:
        return data.decode("windows-1252")
    except UnicodeDecodeError:
        return "".join(bytes([byte]).decode("windows-1252", "ignore") or chr(byte) for byte in data)
