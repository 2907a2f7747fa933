"""Whether an SVG is whole: well-formed XML down to its last closing tag."""

from __future__ import annotations

from calotype.imaging.completeness_source import WholeFile
from calotype.imaging.header_svg import read_svg

_LARGEST = 2 * 1024 * 1024
_PIECE = 64 * 1024


def check_svg(source: WholeFile) -> None:
    """Raise IncompletePicture unless an SVG is well-formed XML, which one cut before its end is not.

    Drawings above 2 MiB, those that define entities, and those in an encoding that the parser does not know are only held to
    ending with a tag. Nothing external is read.
    """
    read_svg(source)
    if not source.peek(max(0, source.size - 256), 256).rstrip(b" \t\r\n\0").endswith(b">"):
        raise source.cut()
    if source.size <= _LARGEST:
        _parse(source)


def _parse(source: WholeFile) -> None:
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser

    # Without a target the parser would build a tree.
    parser = DefusedXMLParser(target=_Nothing())
    try:
        for offset in range(0, source.size, _PIECE):
            parser.feed(source.peek(offset, _PIECE))
        parser.close()
    except ParseError as error:
        raise source.damaged(f"it is not well-formed XML ({error})") from error
    except (DefusedXmlException, LookupError, ValueError):
        # Decoders know more encodings, and entities are for them to limit.
        return


class _Nothing:
    """Takes no event of the parser."""

    def close(self) -> None:
        """End."""
