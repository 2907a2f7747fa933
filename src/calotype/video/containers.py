"""The containers that are read: each by its one demuxer, from the one file it was given, and nothing else."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from calotype.domain.errors import UndecodableVideo, Unsupported
from calotype.video.decoders import DECODERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

_DEMUXERS = {
    "3gp": "mov",
    "avi": "avi",
    "flv": "flv",
    "m2ts": "mpegts",
    "m4v": "mov",
    "mkv": "matroska",
    "mov": "mov",
    "mp4": "mov",
    "mpeg": "mpeg",
    "ogv": "ogg",
    "ts": "mpegts",
    "webm": "matroska",
    "wmv": "asf",
}
CONTAINERS = frozenset(_DEMUXERS)
"""Our words for the containers that are read."""

BROADCAST = frozenset({"ts", "m2ts", "mpeg"})
"""Containers whose clocks may start anywhere, jump and wrap."""


def open_container(path: str, container: str, *, pixel_limit: int) -> InputContainer:
    """Open the file with the demuxer of its container, and with no other.

    FFmpeg's own guess could take it for a playlist, which names other files. References inside of it are not followed; frames of
    more than `pixel_limit` pixels are not decoded while it is looked at. The caller closes it. Raises Unsupported for a container
    that is not known, UndecodableVideo for a file that is not one.
    """
    import av

    if container not in _DEMUXERS:
        raise Unsupported(f"Files of the format {container} are not read as videos", format=container)
    demuxer = _DEMUXERS[container]
    options: dict[str, Any] = {
        "protocol_whitelist": "file",
        "format_whitelist": demuxer if demuxer != "mov" else "mov,mp4,m4a,3gp,3g2,mj2",
        "codec_whitelist": ",".join(sorted(DECODERS)),
        "max_streams": "100",
    }
    if demuxer == "mov":
        options |= {"enable_drefs": "0", "use_absolute_path": "0"}
    if demuxer == "matroska":
        options["format_whitelist"] = "matroska,webm"
    try:
        return av.open(
            # Without a protocol in front, a name with a colon would be taken for one.
            f"file:{path}",
            "r",
            format=demuxer,
            options={"max_pixels": str(pixel_limit), "threads": "1"},
            container_options=options,
            metadata_errors="replace",
        )
    except (av.FFmpegError, ValueError, OverflowError) as error:
        raise UndecodableVideo(f"The file cannot be opened as {container}: {reason_of(error)}") from error


def packets_of(source: InputContainer, *streams: Stream) -> Iterator[Packet[Any]]:
    """The packets of some streams, as PyAV reads them, and raising what it raises.

    A damaged file may show further streams while it is read, over which PyAV stumbles once it has come to the end.
    """
    with contextlib.suppress(IndexError):
        yield from source.demux(*streams)


def reason_of(error: Exception) -> str:
    """FFmpeg's words for what went wrong, without the name of the file or of the function."""
    return getattr(error, "strerror", None) or type(error).__name__
