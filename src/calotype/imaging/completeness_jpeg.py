"""Whether a JPEG is whole: its segments and the markers within its picture data, up to the end marker."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from calotype.imaging.completeness_source import WholeFile
from calotype.imaging.header_jpeg import END, FRAMES, SCAN, START, WITHOUT_LENGTH

_RESTART_INTERVAL = 0xDD
_RESTARTS = range(0xD0, 0xD8)
# ITU-T T.81, table B.1, as far as libjpeg reads on behind them: frames, tables, scans, DNL, application data, comments.
_SEGMENTS = FRAMES | frozenset({0xC4, 0xCC, SCAN, 0xDB, 0xDC, _RESTART_INTERVAL, *range(0xE0, 0xF0), 0xFE})
# FF 00 is data, and FF may be repeated before any marker.
_MARKER = re.compile(rb"\xff([\x01-\xfe])")
_OTHER_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_MOST_MARKERS = 1 << 16
_HUFFMAN, _PROGRESSIVE = frozenset({0xC0, 0xC1}), 0xC2


def check_jpeg(source: WholeFile, start: int = 0) -> None:
    """Raise IncompletePicture unless the JPEG at `start` has its end marker and nothing impossible before it.

    Proves that each segment is there, that no marker stands in the picture data that cannot stand there, and that the first
    scans are not shorter than the shortest code for so many blocks. Random bytes hold such a marker every 256 bytes or
    so. Does not prove that the data between two markers decode to the right picture: there are no checksums. Stray
    bytes before a marker and everything behind the end marker (trailers, further pictures) are passed over.
    """
    if source.read(start, 2, "its first marker") != b"\xff\xd8":
        raise source.fault("does not begin like a JPEG")
    walk = _Walk(source)
    position = start + 2
    for _ in range(_MOST_MARKERS):
        found = source.search(walk.pattern, position)
        if found is None:
            raise source.cut()
        position = walk.step(found[1][0], found.start(), found.end())
        if not position:
            return
    raise source.damaged("there are too many markers")


@dataclass(slots=True)
class _Frame:
    """What the frame header says: its process (marker), the size in pixels, and each component's sampling factors."""

    process: int
    width: int
    height: int
    factors: dict[int, tuple[int, int]]

    def blocks(self, components: list[int]) -> int:
        """How many blocks a scan of these components has at least (T.81, A.1.1 and A.2)."""
        most_across = max(across for across, _ in self.factors.values())
        most_down = max(down for _, down in self.factors.values())
        total = 0
        for across, down in (self.factors[component] for component in components):
            columns = -(-self.width * across // most_across)
            rows = -(-self.height * down // most_down)
            total += -(-columns // 8) * -(-rows // 8)
        return total


@dataclass(slots=True)
class _Walk:
    """Goes from marker to marker."""

    source: WholeFile
    pattern: re.Pattern[bytes] = _MARKER
    frame: _Frame | None = None
    scans: int = 0
    # Where the data of the scan begin that is being passed, and how many bits they take at least.
    data: int = 0
    bits: int = field(default=0)

    def step(self, marker: int, at: int, behind: int) -> int:
        """Pass one marker, at the offset `at`, and return where to search on; 0 behind the end."""
        self._end_scan(marker, at, behind)
        if marker == END:
            if not self.scans:
                raise self.source.cut()
            return 0
        if marker in WITHOUT_LENGTH:
            return behind
        if marker not in _SEGMENTS:
            # Two JPEGs in one stream: the first was cut off before its end.
            raise self.source.cut() if marker == START and self.scans else self._unexpected()
        length = int.from_bytes(self.source.read(behind, 2, "its end"), "big")
        if length < 2:
            raise self.source.damaged("a segment has an impossible length")
        self.source.need(behind, length)
        self._segment(marker, behind + 2, length - 2)
        return behind + length

    def _end_scan(self, marker: int, at: int, behind: int) -> None:
        if not self.data:
            return
        # Without a restart interval one may only stand behind all data, as some encoders leave it there.
        if marker in _RESTARTS and self.source.match(_MARKER, behind) is None:
            raise self._unexpected()
        if (at - self.data) * 8 < self.bits:
            raise self.source.damaged("there are fewer picture data than its size takes")
        self.scans += 1
        self.data = 0

    def _segment(self, marker: int, start: int, length: int) -> None:
        if marker in FRAMES:
            self._begin_frame(marker, start, length)
        elif marker == SCAN:
            self._begin_scan(start, length)
        elif marker == _RESTART_INTERVAL:
            interval = int.from_bytes(self.source.peek(start, min(length, 2)), "big")
            self.pattern = _OTHER_MARKER if interval else _MARKER

    def _begin_frame(self, marker: int, start: int, length: int) -> None:
        content = self.source.peek(start, length)
        if self.frame is not None or length < 6 or length < 6 + 3 * content[5]:
            raise self._unexpected()
        parts = (content[6 + 3 * number : 8 + 3 * number] for number in range(content[5]))
        factors = {identifier: (sampling >> 4, sampling & 15) for identifier, sampling in parts}
        if not factors or not all(across and down for across, down in factors.values()):
            raise self.source.fault("has a frame header that makes no sense")
        height, width = int.from_bytes(content[1:3], "big"), int.from_bytes(content[3:5], "big")
        self.frame = _Frame(marker, width, height, factors)

    def _begin_scan(self, start: int, length: int) -> None:
        content = self.source.peek(start, length)
        count = content[0] if content else 0
        if self.frame is None or length < 4 + 2 * count:
            raise self._unexpected()
        components = [identifier for identifier in content[1 : 1 + 2 * count : 2] if identifier in self.frame.factors]
        first_coefficient = content[1 + 2 * count]
        # A code has a bit at least: one for the first coefficient and, in the sequential process, one for the others.
        codes = 2 if self.frame.process in _HUFFMAN else self.frame.process == _PROGRESSIVE and not first_coefficient
        self.data = start + length
        self.bits = max(1, self.frame.blocks(components) * codes)

    def _unexpected(self) -> Exception:
        return self.source.damaged("a marker stands where none can be")
