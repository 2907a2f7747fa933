"""Whether a TIFF, or a camera RAW file built like one, is whole: every strip and tile that its directories name."""

from __future__ import annotations

from dataclasses import dataclass, field

from calotype.imaging.completeness_source import WholeFile
from calotype.imaging.header_tiff import layout_of, value, whole_numbers
from calotype.imaging.tiff import SUB_IFDS, Directory, Layout, directory_size, read_directory, value_places

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES = 0x0100, 0x0101, 0x0102, 0x0103, 0x0115
_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES = 0x0111, 0x0117, 0x0144, 0x0145
_JPEG = 0x0201
# Panasonic's own tag for where the sensor's data begin; its strips say nothing.
_RAW_OFFSET = 0x0118
_WANTED = frozenset({
    _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES, _JPEG, SUB_IFDS,
    _RAW_OFFSET,
})  # fmt: skip
# Without these, colour maps, sample formats and JPEG tables among them, a page cannot be decoded.
_ESSENTIAL = (_WANTED - {SUB_IFDS, _RAW_OFFSET}) | {0x0140, 0x0153, 0x015B}
_UNCOMPRESSED, _OLD_JPEG = 1, 6
_MOST_DIRECTORIES = 256
_MOST_EXTENTS = 1 << 18
_LARGEST_TABLE = 1 << 21


def check_tiff(source: WholeFile) -> None:
    """Raise IncompletePicture unless the strips or tiles of every page of a TIFF are within the file.

    Proves that the directories of its pages and of the smaller versions of pages are there, with the data that they name, for
    up to 256 directories. Does not prove that the data are right: there are no checksums.
    """
    if not _Walk(source, layout_of(source), _ESSENTIAL).run():
        raise source.damaged("its first page names no picture data")


def check_tiff_raw(source: WholeFile, format_: str) -> None:
    """Raise IncompletePicture unless all data that the directories of a RAW file and their parts name are within it.

    Proves that previews and sensor data are there as far as their lengths are told. Panasonic files tell where the
    sensor's data begin, not how long they are: of one cut within them nothing is seen.
    """
    walk = _Walk(source, layout_of(source), frozenset())
    if format_ == "rw2":
        walk.check_beginnings()
    else:
        walk.run()


@dataclass(slots=True)
class _Walk:
    """Goes from directory to directory; the values of the `essential` tags of each must be within the file."""

    source: WholeFile
    layout: Layout
    essential: frozenset[int]
    left: int = _MOST_EXTENTS
    seen: set[int] = field(default_factory=set)

    def run(self) -> bool:
        """Check all directories; whether the first one names data."""
        first, following = self._first()
        found = self._check(self.layout.first, first)
        self.seen.add(self.layout.first)
        waiting = [following, *whole_numbers(first, SUB_IFDS)]
        while waiting and len(self.seen) < _MOST_DIRECTORIES and self.left > 0:
            offset = waiting.pop(0)
            if not offset or offset in self.seen:
                continue
            self.seen.add(offset)
            # A directory that is linked and not there is one that was cut off; one that makes no sense is passed over.
            self.source.need(offset, directory_size(self.source.peek, self.layout, offset))
            directory = self._directory(offset)
            if directory is not None:
                self._check(offset, directory[0])
                waiting += [directory[1], *whole_numbers(directory[0], SUB_IFDS)]
        return found

    def check_beginnings(self) -> None:
        """Check only that the first directory and the data it names begin within the file."""
        self.source.need(value(self._first()[0], _RAW_OFFSET), 1)

    def _first(self) -> tuple[Directory, int]:
        first = self._directory(self.layout.first)
        if first is None:
            raise self.source.fault("has a directory of tags that is cut off or lies outside the file")
        return first

    def _directory(self, offset: int) -> tuple[Directory, int] | None:
        return read_directory(self.source.peek, self.layout, offset, _WANTED, _LARGEST_TABLE)

    def _check(self, at: int, tags: Directory) -> bool:
        """Hold the data that the directory at an offset names against the file; whether it names any."""
        for offset, length in value_places(self.source.peek, self.layout, at, self.essential):
            self.source.need(offset, length)
        # Readers of old JPEG data look for their end themselves, and their lengths are often wrong.
        found = _JPEG in tags
        self.source.need(value(tags, _JPEG), 1)
        compression = value(tags, _COMPRESSION)
        for offsets_tag, lengths_tag in ((_STRIPS, _STRIP_BYTES), (_TILES, _TILE_BYTES)):
            offsets, lengths = self._numbers(tags, offsets_tag), self._numbers(tags, lengths_tag)
            if compression == _OLD_JPEG:
                lengths = tuple(map(bool, lengths))
            # Of a single uncompressed strip decoders work the length out, and some writers say nonsense there.
            elif len(offsets) == 1 and offsets_tag == _STRIPS and compression == _UNCOMPRESSED:
                size = _size(tags)
                lengths = (min(lengths[0], size) if lengths and lengths[0] else size,)
            for offset, length in zip(offsets, lengths, strict=False):
                # Parts that hold nothing need not be written anywhere.
                if length:
                    self.source.need(offset, length)
            found = found or bool(offsets)
            self.left -= len(offsets)
        return found

    def _numbers(self, tags: Directory, tag: int) -> tuple[int, ...]:
        entry = tags.get(tag)
        return entry.integers(max(0, self.left)) if entry is not None else ()


def _size(tags: Directory) -> int:
    """The bytes of an uncompressed picture in a single strip."""
    bits = value(tags, _BITS) or 1
    return -(-value(tags, _WIDTH) * (value(tags, _SAMPLES) or 1) * bits // 8) * value(tags, _HEIGHT)
