"""The ZIP of a DOCX: its directory is checked before anything is unpacked, and no more comes out of a part than it declares."""

from __future__ import annotations

import codecs
import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from calotype.domain.errors import UndecodableDocument

MAX_ENTRIES = 10_000
MAX_TOTAL = 2 * 1024**3
MAX_XML = 256 * 1024**2
"""Bounds of a document: parts, bytes of all of them unpacked, and bytes of the XML among them unpacked."""

MAIN_PART = "word/document.xml"
_DIRECTORY = 8 * 1024**2
_END = b"PK\x05\x06"
_END_SIZE, _LONGEST_COMMENT = 22, 65_535
_ZIP64_LOCATOR, _ZIP64_END = 20, 56
_LOCAL_HEADER = 30
# Deflate makes at most 1,032 bytes of one; the XML of Word shrinks to a twentieth, long tables of zeros to a hundredth.
_XML_RATIO, _XML_FREE = 250, 8 * 1024**2
_RATIO, _FREE = 500, 128 * 1024**2
_STORED_OR_DEFLATED = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1
_XML_NAME = re.compile(r"\.(xml|rels|vml)\Z", re.IGNORECASE)
_PROLOG = 64 * 1024
_FIRST_LOOK = 1024
_NO_MARKUP = re.compile(r"\s*(?:<\?.*?\?>|<!--.*?-->)", re.DOTALL)
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
    KeyError,
    OverflowError,
)


class Package:
    """An opened DOCX whose directory holds nothing that only bombs and broken files have."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.parts = {entry.filename: entry for entry in archive.infolist()}

    def size(self, name: str) -> int:
        """How many bytes a part unpacks to; 0 when there is no such part."""
        entry = self.parts.get(name)
        return entry.file_size if entry is not None else 0

    @contextmanager
    def part(self, name: str) -> Iterator[IO[bytes]]:
        """Open a part, which yields at most its declared size. Raises UndecodableDocument where it is broken."""
        with told_as_damage(), self._archive.open(name) as stream:
            yield stream

    def read(self, name: str, most: int) -> bytes:
        """A small part, or its first `most` bytes; empty when there is no such part."""
        if name not in self.parts:
            return b""
        with self.part(name) as stream:
            return stream.read(most)

    def check_xml(self, name: str) -> None:
        """Refuse an XML part that declares anything: honest ones never do, and entities are what XML bombs are made of."""
        with self.part(name) as stream:
            head = stream.read(_FIRST_LOOK)
            if head and not _begins_plainly(head) and not _begins_plainly(head + stream.read(_PROLOG)):
                raise UndecodableDocument(
                    f"The DOCX is refused: its part {_shown(name)} declares entities or is no XML"
                )


@contextmanager
def opened_package(path: str) -> Iterator[Package]:
    """Open a DOCX after a check of its directory. Raises UndecodableDocument."""
    with Path(path).open("rb") as file:
        with told_as_damage():
            _check_end(file)
            archive = zipfile.ZipFile(file)
        with archive:
            with told_as_damage():
                _check_directory(archive)
            yield Package(archive)


@contextmanager
def told_as_damage() -> Iterator[None]:
    """Whatever the ZIP reader makes of broken bytes is told as one error."""
    try:
        yield
    except _BROKEN as error:
        raise UndecodableDocument("The DOCX is damaged: its ZIP container is broken") from error


def is_xml(name: str) -> bool:
    """Whether a part is XML, by its name."""
    return _XML_NAME.search(name) is not None


def target(name: str, relative: str) -> str:
    """The part a relation of part `name` leads to, when it stays inside of the package."""
    if relative.startswith("/"):
        return relative.lstrip("/")
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), relative))


def _check_end(file: BinaryIO) -> None:
    """Hold the size of the directory against its limit before it is read into memory."""
    size = file.seek(0, 2)
    tail = min(size, _ZIP64_END + _ZIP64_LOCATOR + _END_SIZE + _LONGEST_COMMENT)
    file.seek(size - tail)
    data = file.read(tail)
    at = data.rfind(_END)
    if at < 0 or len(data) - at < _END_SIZE:
        raise UndecodableDocument("The DOCX is damaged: its end is missing")
    entries, length = struct.unpack_from("<HI", data, at + 10)
    start = at - _ZIP64_LOCATOR - _ZIP64_END
    if data[at - _ZIP64_LOCATOR : at].startswith(b"PK\x06\x07") and start >= 0:
        # Where the record of ZIP64 stands, its figures count, whatever the others say.
        entries, length = struct.unpack_from("<QQ", data, start + 32)
    if entries > MAX_ENTRIES or length > _DIRECTORY:
        raise UndecodableDocument("The DOCX is refused: it has too many parts")
    file.seek(0)


def _check_directory(archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise UndecodableDocument("The DOCX is refused: it has too many parts")
    if len({entry.filename.lower() for entry in entries}) < len(entries):
        raise UndecodableDocument("The DOCX is damaged: two of its parts have the same name")
    for entry in entries:
        if entry.flag_bits & _ENCRYPTED:
            raise UndecodableDocument("The DOCX is protected by a password")
        if entry.compress_type not in _STORED_OR_DEFLATED:
            raise UndecodableDocument("The DOCX is damaged: a part is packed in a way that DOCX does not know")
    _check_sizes(entries)
    _check_overlap(entries, archive.start_dir)


def _check_sizes(entries: list[zipfile.ZipInfo]) -> None:
    xml = [entry for entry in entries if is_xml(entry.filename)]
    for some, most, ratio, free in ((entries, MAX_TOTAL, _RATIO, _FREE), (xml, MAX_XML, _XML_RATIO, _XML_FREE)):
        unpacked = sum(entry.file_size for entry in some)
        packed = sum(entry.compress_size for entry in some)
        if unpacked > most or (unpacked > free and unpacked > ratio * max(1, packed)):
            raise UndecodableDocument("The DOCX is refused: it would unpack to far more than it is")
    for entry in xml:
        if entry.file_size > _XML_FREE and entry.file_size > _XML_RATIO * max(1, entry.compress_size):
            raise UndecodableDocument("The DOCX is refused: it would unpack to far more than it is")


def _check_overlap(entries: list[zipfile.ZipInfo], directory: int) -> None:
    """Refuse parts that share bytes, by which a small file holds the same bomb many times."""
    ordered = sorted(entries, key=lambda entry: entry.header_offset)
    ends = [entry.header_offset for entry in ordered[1:]] + [directory]
    for entry, end in zip(ordered, ends, strict=True):
        least = _LOCAL_HEADER + len(entry.orig_filename)
        if entry.header_offset + least + entry.compress_size > end:
            raise UndecodableDocument("The DOCX is refused: its parts overlap")


def _begins_plainly(head: bytes) -> bool:
    """Whether the first markup of XML, behind comments and instructions, is an element."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if head.startswith(mark):
            text = head[2:].decode(encoding, "replace")
            break
    else:
        text = head.removeprefix(codecs.BOM_UTF8).decode("latin-1")
    at = 0
    while (match := _NO_MARKUP.match(text, at)) is not None:
        at = match.end()
    rest = text[at : at + 64].lstrip()
    # Without a mark of its encoding, a second way to write every letter would hide what it says.
    return "\0" not in text[:_FIRST_LOOK] and len(rest) > 1 and rest[0] == "<" and rest[1] not in "!?"


def _shown(name: str) -> str:
    return ascii(name[:60])
