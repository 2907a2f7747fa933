"""Storyboards as players read them: WebVTT whose cues name a part of a picture.

Cues are `url#xywh=x,y,width,height`, a media fragment (W3C Media Fragments URI 1.0), which players of HTML video understand.
"""

from __future__ import annotations

from calotype.domain.video import Storyboard


def to_webvtt(storyboard: Storyboard, duration: float, sheet: str) -> str:
    """One cue a picture of the sheet, in order; the last one lasts until the end of the video, `duration` in seconds."""
    cues = ["WEBVTT"]
    for place in range(storyboard.count):
        start = place * storyboard.interval
        end = duration if place == storyboard.count - 1 else min(duration, (place + 1) * storyboard.interval)
        if end <= start:
            break
        row, column = divmod(place, storyboard.columns)
        left, top = column * storyboard.width, row * storyboard.height
        part = f"{sheet}#xywh={left},{top},{storyboard.width},{storyboard.height}"
        cues.append(f"{_clock(start)} --> {_clock(end)}\n{part}")
    return "\n\n".join(cues) + "\n"


def _clock(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"
