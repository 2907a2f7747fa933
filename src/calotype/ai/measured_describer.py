"""The built-in describer: it says what was measured, and never guesses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from calotype.domain.color_names import color_name
from calotype.domain.description import DescribeRequest, Description
from calotype.domain.picture import DominantColor, PictureMetadata

PROVIDER = "calotype-measured"

_KINDS = ("photo", "graphic", "screenshot", "document")
_PAGED = ("PDF", "TIFF")
_LONGEST_QUOTE = 300
_LONGEST_NAME = 80
# Colours that cover less are not what anybody would call main ones, in percent.
_SMALLEST_SHARE = 5.0
_MOST_COLORS = 3
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


class MeasuredDescriber:
    """Describes a picture from its measurements alone: same input, same sentences, no model, no network."""

    async def describe(self, request: DescribeRequest) -> Description:
        """One to three sentences: the picture and how it was taken, its main colours, the text in it."""
        sentences = (
            _picture_sentence(request),
            _color_sentence(request.colors),
            _text_sentence(request.visible_text),
        )
        text = " ".join(sentence for sentence in sentences if sentence)
        return Description(text, request.visible_text, None, (PROVIDER,))


def _picture_sentence(request: DescribeRequest) -> str:
    kind = request.kind if request.kind in _KINDS else "picture"
    parts = [
        f"A {kind} in {_shape(request.width, request.height)} format",
        _size(request.width, request.height),
    ]
    if request.frames > 1:
        parts.append(f"{request.frames} {'pages' if request.format.upper() in _PAGED else 'frames'}")
    taken = _taken(request.metadata)
    if taken:
        parts.append(taken)
    return ", ".join(parts) + "."


def _shape(width: int, height: int) -> str:
    if width == height:
        return "square"
    return "landscape" if width > height else "portrait"


def _size(width: int, height: int) -> str:
    megapixels = width * height / 1_000_000
    size = f"{width} x {height} pixels"
    return f"{size} ({megapixels:.1f} megapixels)" if megapixels >= 0.1 else size


def _taken(metadata: PictureMetadata) -> str:
    """How the picture was taken; without a date or a camera only the exposure, if that is known."""
    when = f" on {_date(metadata.captured.wall)}" if metadata.captured else ""
    camera = _camera(metadata.camera_make, metadata.camera_model)
    using = f" with {_article(camera)} {camera}" if camera else ""
    how = ", ".join(_exposure(metadata))
    if not (when or using or how):
        return ""
    return f"taken{when}{using}" + (f" ({how})" if how else "")


def _date(wall: datetime) -> str:
    return f"{wall.day} {_MONTHS[wall.month - 1]} {wall.year}"


def _camera(make: str | None, model: str | None) -> str:
    made, named = _plain(make, _LONGEST_NAME), _plain(model, _LONGEST_NAME)
    # Most cameras repeat their maker, or its first word, in the model's name.
    if made and named and named.lower().startswith(made.split()[0].lower()):
        return named
    return f"{made} {named}".strip()


def _article(noun: str) -> str:
    return "an" if noun[0] in "AEIOaeio" else "a"


def _exposure(metadata: PictureMetadata) -> list[str]:
    facts = [_plain(metadata.lens, _LONGEST_NAME)]
    if metadata.focal_length:
        facts.append(f"{metadata.focal_length:.4g} mm")
    if metadata.f_number:
        facts.append(f"f/{metadata.f_number:.3g}")
    if metadata.exposure_time:
        facts.append(_seconds(metadata.exposure_time))
    if metadata.iso:
        facts.append(f"ISO {metadata.iso}")
    return [fact for fact in facts if fact]


def _seconds(exposure: float) -> str:
    # As cameras show it: fractions up to a quarter of a second, decimals above.
    return f"1/{round(1 / exposure)} s" if exposure <= 0.25 else f"{exposure:.3g} s"


def _color_sentence(colors: Sequence[DominantColor]) -> str:
    shares: dict[str, float] = {}
    for color in colors:
        name = color_name(color.lab)
        shares[name] = shares.get(name, 0.0) + color.percentage
    ranked = sorted(shares.items(), key=lambda share: (-share[1], share[0]))
    main = [f"{name} ({share:.0f} %)" for name, share in ranked[:_MOST_COLORS] if share >= _SMALLEST_SHARE]
    if not main:
        return ""
    if len(main) == 1:
        return f"Its main colour is {main[0]}."
    return f"Its main colours are {', '.join(main[:-1])} and {main[-1]}."


def _text_sentence(visible_text: str | None) -> str:
    quote = _plain(visible_text, _LONGEST_QUOTE).replace('"', "'")
    return f'The text reads: "{quote}".' if quote else ""


def _plain(text: str | None, longest: int) -> str:
    """One line of text, cut at a word with "..." where it is longer than `longest` characters."""
    line = " ".join((text or "").split())
    if len(line) <= longest:
        return line
    cut = line[: longest - 3]
    return cut.rsplit(" ", 1)[0].rstrip() + "..."
