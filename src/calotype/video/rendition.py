"""A form of a film that browsers play: MP4 with H.264 and AAC, ready to be played while it still loads."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calotype.domain.errors import UndecodableVideo
from calotype.video.clock import Clock
from calotype.video.containers import packets_of, reason_of
from calotype.video.decoding import Decoding
from calotype.video.film import Film, open_film
from calotype.video.frames import Pictures, matrix_of
from calotype.video.geometry import Geometry, fit, geometry_of
from calotype.video.sound import MOST_SILENCE, Resampler, Silence
from calotype.video.tone import BT2020, HDR_TRANSFERS

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

LONGER_SIDE = 1920

_TICK = Fraction(1, 90000)
_SOUND_RATE = 48000
_SOUND_BITS = 128_000
# By less, in seconds, time stamps of sound go back without meaning anything.
_BACK = -1.0
# H.264 as all browsers decode it; and containers whose packets have time stamps that can be handed on.
_PLAYED_PIXELS = frozenset({"yuv420p", "yuvj420p"})
_COPIED_FROM = frozenset({"mp4", "mov", "m4v", "3gp", "mkv", "flv", "ts", "m2ts"})
_X264 = {"preset": "veryfast", "crf": "23"}
_KEYFRAME_SECONDS = 2
_BT709 = 1


def render(path: str, container: str, target: str, *, longer_side: int = LONGER_SIDE) -> None:
    """Write the film as MP4 to `target`, which is there only when it is whole.

    Streams that browsers play are copied. Others are encoded: H.264 of 8 bits and 4:2:0, upright, square pixels, even sizes whose
    longer one is at most `longer_side`; sound as AAC with two channels. Raises Unsupported and UndecodableVideo as `probe` does.
    """
    partial = Path(f"{target}.part")
    try:
        if not _copied(path, container, partial, longer_side):
            _encode(path, container, partial, longer_side)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _copied(path: str, container: str, partial: Path, longer_side: int) -> bool:
    """Write the file with its pictures copied; False where they have to be encoded."""
    import av

    with open_film(path, container) as film:
        context = film.stream.codec_context
        largest = max(context.width, context.height)
        plays = context.codec.canonical_name == "h264" and context.pix_fmt in _PLAYED_PIXELS
        if container not in _COPIED_FROM or not plays or largest > longer_side:
            return False
        try:
            with _output(partial) as output:
                _copy(film, output)
        except (av.FFmpegError, ValueError, OverflowError):
            # Time stamps that MP4 cannot take, or damage: encoding passes over both.
            return False
        return True


def _copy(film: Film, output: OutputContainer) -> None:
    # MP4 takes care of a clock that starts a little beside 0, but not of one that starts at any time of the day.
    shift = (film.stream.start_time or 0) * film.tick
    shift = shift if abs(shift) > 1 else Fraction(0)
    sound = film.source.streams.best("audio")
    pictures = output.add_stream_from_template(film.stream)
    streams: dict[int, Any] = {film.stream.index: pictures}
    works: dict[int, _Sound] = {}
    if sound is not None and _codec(sound) == "aac":
        streams[sound.index] = output.add_stream_from_template(sound)
    elif sound is not None and sound.codec_context is not None:
        works[sound.index] = _Sound(output, float(shift))
    wanted = [film.stream] if sound is None else [film.stream, sound]
    for packet in packets_of(film.source, *wanted):
        if packet.size == 0 or packet.dts is None:
            continue
        if packet.stream_index in works:
            for frame in _decoded(packet):
                works[packet.stream_index].encode(frame)
            continue
        ticks = round(shift / Fraction(packet.time_base))
        packet.dts -= ticks
        packet.pts = packet.pts - ticks if packet.pts is not None else None
        packet.stream = streams[packet.stream_index]
        output.mux(packet)
    for work in works.values():
        work.finish()


def _encode(path: str, container: str, partial: Path, longer_side: int) -> None:
    import av

    with open_film(path, container, threads=0) as film, open_film(path, container) as heard:
        frames = Decoding(film).frames()
        first = next(frames, None)
        if first is None:
            raise UndecodableVideo("No frame of the video can be decoded")
        try:
            with _output(partial) as output:
                clock = Clock(film)
                pictures = _Pictures(output, film, first, longer_side)
                sound_stream = heard.source.streams.best("audio")
                start = float((first.pts or 0) * film.tick)
                sound = _Sound(output, start, clock.jump) if sound_stream is not None else None
                waves = _sound_frames(heard, sound_stream) if sound_stream is not None else iter(())
                for frame in itertools.chain([first], frames):
                    time = clock.time(frame)
                    pictures.encode(frame, time)
                    if sound is not None:
                        sound.encode_until(waves, time + 1.0)
                pictures.finish()
                if sound is not None:
                    sound.encode_until(waves, clock.end)
                    sound.finish()
        except av.FFmpegError as error:
            raise UndecodableVideo(f"The video cannot be made into one for browsers: {reason_of(error)}") from error


class _Pictures:
    """The stream of pictures of an MP4 file, encoded."""

    def __init__(self, output: OutputContainer, film: Film, first: VideoFrame, longer_side: int) -> None:
        self._output = output
        self._geometry = geometry_of(film, first)
        width, height = fit(*self._geometry.displayed(first.width, first.height), longer_side)
        self._size = max(2, width - width % 2), max(2, height - height % 2)
        rate = Fraction(min(film.rate or 25.0, 120.0)).limit_denominator(1001)
        stream: Any = output.add_stream("libx264", rate=max(rate, Fraction(1)), options=dict(_X264))
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = _TICK
        stream.codec_context.gop_size = max(1, round(float(rate) * _KEYFRAME_SECONDS))
        stream.codec_context.colorspace = _BT709
        stream.codec_context.color_range = 1
        self._stream = stream
        self._scaler = _Scaler(self._geometry, self._size)
        self._last = -1

    def encode(self, frame: VideoFrame, time: float) -> None:
        """Encode a frame that is shown at this time, in seconds."""
        from av.video.frame import PictureType

        tick = round(time / _TICK)
        if tick <= self._last:
            return
        self._last = tick
        scaled = self._scaler.scaled(frame)
        scaled.pts, scaled.time_base = tick, _TICK
        # The encoder would make a keyframe of each frame that was one in the original.
        scaled.pict_type = PictureType.NONE
        self._output.mux(self._stream.encode(scaled))

    def finish(self) -> None:
        """Encode what is held back."""
        self._output.mux(self._stream.encode(None))


class _Scaler:
    """Frames upright, of one even size, in BT.709 of 8 bits."""

    def __init__(self, geometry: Geometry, size: tuple[int, int]) -> None:
        from av.video.reformatter import VideoReformatter

        self._geometry = geometry
        self._size = size
        self._direct = VideoReformatter()
        self._back = VideoReformatter()
        self._pictures = Pictures(max(size))

    def scaled(self, frame: VideoFrame) -> VideoFrame:
        """The frame as the encoder takes it."""
        import av
        from av.video.reformatter import Interpolation

        wide = frame.color_trc in HDR_TRANSFERS or frame.color_primaries == BT2020
        turned = self._geometry.rotation or self._geometry.mirrored
        if wide or turned or frame.interlaced_frame:
            frame = av.VideoFrame.from_ndarray(self._pictures.picture(frame, self._geometry), format="rgb24")
            return self._back.reformat(
                frame, *self._size, "yuv420p", dst_colorspace=_BT709, dst_color_range=1, threads=1
            )
        return self._direct.reformat(
            frame,
            *self._size,
            "yuv420p",
            src_colorspace=matrix_of(frame),
            dst_colorspace=_BT709,
            dst_color_range=1,
            interpolation=Interpolation.BICUBIC,
            threads=1,
        )


class _Sound:
    """The stream of sound of an MP4 file, encoded; each sample is where the pictures are that were shown with it.

    `start` is what the container's clock shows at time 0. After a jump of it by more than `jump` seconds, sound simply follows.
    """

    def __init__(self, output: OutputContainer, start: float, jump: float = MOST_SILENCE) -> None:
        self._output = output
        stream: Any = output.add_stream("aac", rate=_SOUND_RATE, layout="stereo")
        stream.bit_rate = _SOUND_BITS
        self._stream = stream
        self._resampler = Resampler("fltp", "stereo", _SOUND_RATE)
        self._gaps = Silence()
        self._start = start
        self._jump = jump
        self._begun = False
        self._samples = 0

    def encode_until(self, frames: Iterator[Any], time: float) -> None:
        """Encode the sound up to a time after the start of the pictures."""
        while self._samples < time * _SOUND_RATE:
            frame = next(frames, None)
            if frame is None:
                return
            self.encode(frame)

    def encode(self, frame: Any) -> None:
        """Encode a frame at its own time; where it has none, after those before."""
        for time, samples in self._resampler.read(frame):
            self._add(None if time is None else time - self._start, samples)

    def finish(self) -> None:
        """Encode what is held back."""
        for _, samples in self._resampler.read(None):
            self._add(None, samples)
        if self._begun:
            self._output.mux(self._stream.encode(None))

    def _add(self, time: float | None, samples: NDArray[Any]) -> None:
        if not self._begun:
            time = time if time is not None and abs(time) <= MOST_SILENCE else 0.0
            samples = samples[:, max(0, round(-time * _SOUND_RATE)) :]
            self._samples = max(0, round(time * _SOUND_RATE))
        elif time is not None:
            gap = time - self._samples / _SOUND_RATE
            if not _BACK <= gap <= self._jump:
                self._start += gap
                gap = 0.0
            self._be_silent(round(self._gaps.within(gap) * _SOUND_RATE))
        self._write(samples)

    def _be_silent(self, count: int) -> None:
        import numpy as np

        for done in range(0, count, _SOUND_RATE):
            self._write(np.zeros((2, min(_SOUND_RATE, count - done)), np.float32))

    def _write(self, samples: NDArray[Any]) -> None:
        import av
        import numpy as np

        count = samples.shape[1]
        if count == 0:
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = _SOUND_RATE, self._samples, Fraction(1, _SOUND_RATE)
        self._output.mux(self._stream.encode(frame))
        self._begun = True
        self._samples += count


def _sound_frames(film: Film, stream: Any) -> Iterator[Any]:
    import av

    try:
        for packet in packets_of(film.source, stream):
            yield from _decoded(packet)
    except (av.FFmpegError, ValueError, OverflowError):
        return


def _decoded(packet: Any) -> list[Any]:
    import av

    try:
        frames: list[Any] = packet.decode()
    except (av.FFmpegError, ValueError, OverflowError):
        return []
    return frames


def _codec(stream: Any) -> str | None:
    context = stream.codec_context
    return context.codec.canonical_name if context is not None else None


def _output(partial: Path) -> OutputContainer:
    import av

    return av.open(f"file:{partial}", "w", format="mp4", container_options={"movflags": "+faststart"})
