"""All frames of a film, one after the other, past places that are damaged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from calotype.video.containers import packets_of, reason_of
from calotype.video.film import Film

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame

# After so many faults of the container one after the other nothing is to be expected any more.
_MOST_FAULTS = 20
_MOST_BARREN_PACKETS = 50_000


class Decoding:
    """One pass over the frames of a film.

    `fault` says in plain words what could not be read, None while all could; `read_until` is the end of the last packet that was
    read of any stream, in seconds on the container's clock (None before the first that has a time stamp).
    """

    def __init__(self, film: Film, *, barren_limit: int = _MOST_BARREN_PACKETS) -> None:
        self._film = film
        self._barren_limit = barren_limit
        self._damaged = 0
        self._stopped: str | None = None
        self.read_until: float | None = None

    @property
    def fault(self) -> str | None:
        """Why not all could be decoded, None when all could."""
        if self._stopped is not None:
            return self._stopped
        return f"{self._damaged} damaged places were passed over" if self._damaged else None

    def frames(self) -> Iterator[VideoFrame]:
        """Decode until the end, in the order in which frames are shown; never raises for damage."""
        import av

        film = self._film
        barren = 0
        for packet in self._packets():
            try:
                frames = film.stream.decode(packet)
            except (av.FFmpegError, ValueError, OverflowError):
                self._damaged += 1
                frames = []
            barren = 0 if frames else barren + 1
            for frame in frames:
                self._damaged += frame.is_corrupt
                if frame.width * frame.height > film.pixel_limit:
                    self._stopped = "A frame is larger than allowed"
                    return
                yield frame
            if barren > self._barren_limit:
                self._stopped = "Nothing more can be decoded"
                return

    def _packets(self) -> Iterator[Any]:
        """The packets of the video stream, and None once to have what the decoder holds back."""
        import av

        film = self._film
        sound = film.source.streams.best("audio")
        streams = [film.stream] if sound is None else [film.stream, sound]
        faults = 0
        while True:
            try:
                for packet in packets_of(film.source, *streams):
                    if packet.dts is None and packet.size == 0:
                        continue
                    faults = 0
                    self._note(packet)
                    if packet.stream_index == film.stream.index:
                        self._damaged += packet.is_corrupt
                        yield packet
                break
            except (av.FFmpegError, ValueError, OverflowError) as error:
                faults += 1
                if faults >= _MOST_FAULTS:
                    self._stopped = f"The rest of the file cannot be read: {reason_of(error)}"
                    break
        if faults and self._stopped is None:
            self._damaged += 1
        yield None

    def _note(self, packet: Packet[Any]) -> None:
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None or not packet.time_base:
            return
        end = float((stamp + (packet.duration or 0)) * packet.time_base)
        self.read_until = end if self.read_until is None else max(self.read_until, end)
