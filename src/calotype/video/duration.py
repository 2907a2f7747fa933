"""How long a film is, by its container's word or, where that is missing or absurd, by its packets."""

from __future__ import annotations

from calotype.video.containers import packets_of
from calotype.video.film import HIGHEST_RATE, Film

LONGEST = 30 * 24 * 3600.0
"""What claims to be longer than 30 days is not believed."""

# Less than this, in bits a second, is no film that lasts as long as it claims, unless its packets say so too.
_LEAST_BITRATE = 50
_MOST_PACKETS = 200_000
_LONGEST_STEP = 3600.0


def measure(film: Film) -> tuple[float, float]:
    """Duration in seconds, above 0, and frames a second on average.

    Reads the packets, but decodes none, where the container does not say; so the film cannot be decoded afterwards.
    """
    stated = stated_duration(film)
    rate = film.rate
    if stated is not None and rate is not None:
        return stated, rate
    seconds, frames = _count(film)
    duration = stated or seconds or (frames or film.claimed_frames or 1) * film.frame_time
    if rate is None:
        rate = min(max((frames or film.claimed_frames) / duration, 1 / LONGEST), HIGHEST_RATE) if frames else 25.0
    return min(duration, LONGEST), rate


def stated_duration(film: Film) -> float | None:
    """What the container says, in seconds; None where that is absent or absurd."""
    whole = film.source.duration
    stream = film.stream.duration
    for seconds in (whole / 1_000_000 if whole else 0.0, float(stream * film.tick) if stream else 0.0):
        if 0 < seconds <= LONGEST and film.size * 8 / seconds >= _LEAST_BITRATE:
            return seconds
    return None


def _count(film: Film) -> tuple[float, int]:
    """Seconds and frames by the time stamps of the packets; of a very long film by those of its beginning."""
    import av

    seconds, frames, last, length, position = 0.0, 0, None, 0.0, 0
    try:
        for packet in packets_of(film.source, film.stream):
            if packet.size == 0:
                continue
            stamp = packet.dts if packet.dts is not None else packet.pts
            if stamp is not None and last is not None:
                step = float((stamp - last) * film.tick)
                seconds += step if 0 < step <= _LONGEST_STEP else 0.0
            last = stamp if stamp is not None else last
            length = float(packet.duration * film.tick) if packet.duration else film.frame_time
            frames += 1
            position = packet.pos or position
            if frames >= _MOST_PACKETS:
                scale = max(1.0, film.size / max(position, 1))
                return (seconds + length) * scale, round(frames * scale)
    except (av.FFmpegError, ValueError, OverflowError):
        pass
    return (seconds + min(length, _LONGEST_STEP) if frames else 0.0), frames
