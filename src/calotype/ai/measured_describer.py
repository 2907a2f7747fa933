"""The built-in describer: it says what was measured, and never guesses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from calotype.domain.clock import clock
from calotype.domain.color_names import color_name
from calotype.domain.description import DescribeRequest, Description
from calotype.domain.descriptive_metadata import MOST_TAGS, DescriptiveMetadata, conforming, cut, one_line
from calotype.domain.errors import DescriptionFailed
from calotype.domain.picture import DominantColor, PictureMetadata
from calotype.domain.sentences import without_ends

PROVIDER = "calotype-measured"

_KINDS = ("photo", "graphic", "screenshot", "document", "frame", "video")
_PAGED = ("PDF", "TIFF")
_LONGEST_QUOTE = 300
_LONGEST_NAME = 80
_LONGEST_READ = 600  # characters of a text of strangers
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

    needs_picture = False

    async def describe(self, request: DescribeRequest) -> Description:
        """What is known of the picture, in the form of the metadata object; its own title, caption and keywords come first."""
        facts = _facts(request)
        try:
            metadata = _metadata(request, facts)
        except DescriptionFailed:  # nothing is left of what somebody wrote, such as "photo of"
            metadata = _metadata(request, replace(facts, title="", caption=""))
        return Description(metadata, request.visible_text, None, (PROVIDER,))


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is said in more than one place: texts of one line, empty where there is nothing to say; `colors` with their shares."""

    noun: str
    date: str
    camera: str
    title: str
    caption: str
    colors: tuple[tuple[str, float], ...]


def _facts(request: DescribeRequest) -> _Facts:
    metadata = request.metadata
    return _Facts(
        noun=f"{_shape(request.width, request.height)} {_kind(request)}",
        date=_date(metadata.captured.wall) if metadata.captured else "",
        camera=_camera(metadata.camera_make, metadata.camera_model),
        title=_own_words(metadata.title),
        caption=_own_words(metadata.caption),
        colors=_main_colors(request.colors),
    )


def _metadata(request: DescribeRequest, facts: _Facts) -> DescriptiveMetadata:
    measured = _measured(facts)
    title = (
        facts.title or f"{_capitalised(facts.noun)}{_in_colors(facts.colors)}{f', {facts.date}' if facts.date else ''}"
    )
    return conforming(
        title=title,
        alt=facts.caption or facts.title or _capitalised(measured),
        caption=facts.caption or without_ends(facts.title) or f"A {measured}",
        description=_description(request, facts),
        filename=title,
        tags=_tags(request, facts),
    )


def _own_words(text: str | None) -> str:
    """What somebody wrote about the picture; nothing where there is not a single letter in it."""
    line = _line(text)
    return line if any(character.isalpha() for character in line) else ""


def _measured(facts: _Facts) -> str:
    taken = f" taken on {facts.date}" if facts.date else ""
    using = f" with {_article(facts.camera)} {facts.camera}" if facts.camera else ""
    comma = "," if facts.colors and (taken or using) else ""
    return f"{facts.noun}{_in_colors(facts.colors)}{comma}{taken}{'' if taken or not using else ' taken'}{using}"


def _description(request: DescribeRequest, facts: _Facts) -> str:
    """One to four sentences: the picture and how it was taken, its main colours, its own words, the text in it."""
    parts = (
        _picture_sentence(request),
        _color_sentence(facts.colors),
        _own_words_sentence(facts),
        _text_sentence(request.visible_text),
    )
    return " ".join(sentence for sentence in parts if sentence)


def _tags(request: DescribeRequest, facts: _Facts) -> list[str]:
    """The picture's own keywords, as many as leave room for what was measured, and that."""
    captured = request.metadata.captured
    measured = [
        _kind(request),
        _shape(request.width, request.height),
        *(name for name, _ in facts.colors),
        _line(request.metadata.camera_make),
        str(captured.wall.year) if captured else "",
        request.format,
    ]
    return [*request.metadata.keywords[: MOST_TAGS - len(measured)], *measured]


def _picture_sentence(request: DescribeRequest) -> str:
    parts = [
        f"A {_kind(request)} in {_shape(request.width, request.height)} format",
        _size(request.width, request.height),
    ]
    if request.frames > 1:
        parts.append(f"{request.frames} {'pages' if request.format.upper() in _PAGED else 'frames'}")
    if request.duration is not None:
        parts.append(f"{clock(request.duration)} long")
    taken = _taken(request.metadata)
    if taken:
        parts.append(taken)
    return ", ".join(parts) + "."


def _kind(request: DescribeRequest) -> str:
    return request.kind if request.kind in _KINDS else "picture"


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


def _main_colors(colors: Sequence[DominantColor]) -> tuple[tuple[str, float], ...]:
    """The names of the colours that matter with their shares in percent, the largest first."""
    shares: dict[str, float] = {}
    for color in colors:
        name = color_name(color.lab)
        shares[name] = shares.get(name, 0.0) + color.percentage
    ranked = sorted(shares.items(), key=lambda share: (-share[1], share[0]))
    return tuple((name, share) for name, share in ranked[:_MOST_COLORS] if share >= _SMALLEST_SHARE)


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _in_colors(colors: Sequence[tuple[str, float]]) -> str:
    return f" in {_listed([name for name, _ in colors])}" if colors else ""


def _color_sentence(colors: Sequence[tuple[str, float]]) -> str:
    main = [f"{name} ({share:.0f} %)" for name, share in colors]
    if not main:
        return ""
    return f"Its main colour{' is' if len(main) == 1 else 's are'} {_listed(main)}."


def _own_words_sentence(facts: _Facts) -> str:
    """As `content_text` finds it again, because what somebody wrote about a picture says more than measurements."""
    said = [
        f'{how} "{quote}"'
        for how, text in (("titled", facts.title), ("captioned", facts.caption))
        if (quote := _quoted(text, _LONGEST_QUOTE))
    ]
    return f"It is {' and '.join(said)}." if said else ""


def _text_sentence(visible_text: str | None) -> str:
    quote = _quoted(visible_text, _LONGEST_QUOTE)
    return f'The text reads: "{quote}".' if quote else ""


def _quoted(text: str | None, longest: int) -> str:
    return _plain(text, longest).replace('"', "'")


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _line(text: str | None) -> str:
    return one_line(text or "", _LONGEST_READ)


def _plain(text: str | None, longest: int) -> str:
    """One line that ends no sentence within another, cut at a word with "..." where it is longer than `longest` characters."""
    line = without_ends(_line(text))
    if len(line) <= longest:
        return line
    return cut(line, longest - 3) + "..."
