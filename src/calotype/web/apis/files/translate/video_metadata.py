"""What a video's container says, in the wire's words."""

from __future__ import annotations

from calotype.domain.video import VideoProbe
from calotype.web.apis.files.wire.video_metadata import VideoMetadata


def video_metadata_to_wire(probe: VideoProbe, size_bytes: int) -> VideoMetadata:
    """One video of so many bytes."""
    return VideoMetadata(
        duration_seconds=round(probe.duration, 3),
        resolution=f"{probe.width}x{probe.height}",
        width=probe.width,
        height=probe.height,
        frame_rate=round(probe.frame_rate, 3),
        video_codec=probe.video_codec,
        audio_codec=probe.audio_codec,
        bitrate_kbps=probe.bitrate_kbps,
        file_size_bytes=size_bytes,
        format_name=probe.container,
    )
