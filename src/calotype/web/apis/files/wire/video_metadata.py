"""What is known of a video's container and streams."""

from __future__ import annotations

from calotype.web.shared.wire_model import Wire


class VideoMetadata(Wire):
    """What a video's container says; sizes in pixels as displayed, `resolution` is both."""

    duration_seconds: float
    resolution: str
    width: int
    height: int
    frame_rate: float
    video_codec: str
    audio_codec: str | None
    bitrate_kbps: int
    file_size_bytes: int
    format_name: str
