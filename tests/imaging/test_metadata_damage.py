"""Damaged and hostile metadata is read as far as it makes sense."""

from __future__ import annotations

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from calotype.domain.picture import PictureMetadata
from calotype.imaging.metadata import read_metadata
from tests.examples import examples
from tests.imaging.containers import NOW, SHORT, UNDEFINED, bag, clock, iim, place, rational, text, tiff, xmp

ORIGINAL, DIGITIZED, MODIFIED = 0x9003, 0x9004, 0x0132


FULL = tiff(
    {0x010F: text("Maker"), 0x010E: text("Words"), MODIFIED: text("2024:04:01 00:00:00")},
    {ORIGINAL: text("2024:02:29 12:30:45"), 0x9286: (UNDEFINED, b"UNICODE\0a\0b\0"), 0x829A: rational((1, 9))},
    {**place([(41, 1)] * 3, [(4, 1)] * 3), **clock("2024:02:29", 1, 2, 3)},
)


def test_properties_of_other_pictures_inside_xmp_are_passed_over():
    """What a packet says of the pictures that a composition was made from is not said of the picture."""
    inner = '<rdf:Description xmp:CreateDate="2001-01-01" xmp:Rating="1"/>'
    packet = xmp(
        '<Pantry xmlns="http://ns.adobe.com/xap/1.0/mm/"><rdf:Bag><rdf:li>' + inner + "</rdf:li></rdf:Bag></Pantry>",
        'xmp:Rating="5"',
    )
    found = read_metadata(None, packet, None)
    assert (found.rating, found.captured) == (5, None)


def test_xmp_in_other_encodings_and_with_faults_is_read_as_far_as_it_goes():
    """UTF-16, trailing bytes, a missing end and a stray Latin-1 byte do not lose what can be read."""
    packet = xmp(bag("one", "two"), 'xmp:Rating="4"')
    assert read_metadata(None, packet.decode().encode("utf-16"), None).keywords == ("one", "two")
    assert read_metadata(None, b"\n\n" + packet + b"\0\0\0junk", None).keywords == ("one", "two")
    assert read_metadata(None, packet[: packet.index(b"two")], None).rating == 4
    stray = packet.replace(b"one", "o\u00e9".encode("latin-1"))
    assert read_metadata(None, stray, None).keywords[1] == "two"


def test_entities_in_xmp_are_never_expanded():
    """A packet with a document type gives nothing, instead of unfolding its entities."""
    packet = xmp(bag("&a;"))
    head, tail = packet.split(b"<x:xmpmeta", 1)
    doctype = b'<!DOCTYPE x [<!ENTITY a "boom"><!ENTITY b SYSTEM "file:///etc/passwd">]>'
    assert read_metadata(None, head + doctype + b"<x:xmpmeta" + tail, None) == PictureMetadata()


def test_a_document_type_without_entities_is_refused_as_well():
    """XMP has no document type, so even a harmless one makes a packet unbelievable."""
    assert read_metadata(None, b"<!DOCTYPE x>" + xmp(attributes='xmp:Rating="4"'), None).rating is None


def test_of_a_tag_that_is_written_twice_the_first_counts():
    """Some cameras write the orientation twice; the first one is what viewers use."""
    once = tiff({0x0112: (SHORT, [6]), 0x0113: (SHORT, [3])})
    assert read_metadata(once.replace(b"\x13\x01\3\0", b"\x12\x01\3\0"), None, None).orientation == 6


def test_a_directory_that_names_itself_and_absurd_counts_are_harmless():
    """An EXIF pointer into its own directory, and values beyond the data, leave out what cannot be read."""
    ring = bytearray(tiff({0x010F: text("Maker"), 0x0112: (SHORT, [6])}, {0x8827: (SHORT, [100])}))
    at = ring.index(b"\x69\x87\x04\0")
    ring[at + 8 : at + 12] = (8).to_bytes(4, "little")
    assert read_metadata(bytes(ring), None, None).orientation == 6
    absurd = bytearray(tiff({0x010F: text("Maker"), 0x0112: (SHORT, [6])}))
    at = absurd.index(b"\x0f\x01\x02\0")
    absurd[at + 4 : at + 8] = b"\xff\xff\xff\xff"
    found = read_metadata(bytes(absurd), None, None)
    assert (found.camera_make, found.orientation) == (None, 6)


@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 600), st.binary(min_size=1, max_size=5)), max_size=5),
    st.binary(max_size=60),
    st.sampled_from([xmp(bag("a"), 'xmp:CreateDate="2024-01-01"'), b"", b"<", "<a>".encode("utf-16")]),
)
def test_damaged_metadata_never_raises_and_stays_in_its_bounds(patches, junk, packet):
    """However EXIF, XMP and IPTC are damaged, reading them gives metadata whose values make sense."""
    data = bytearray(FULL)
    for offset, patch in patches:
        data[offset : offset + len(patch)] = patch
    middle = len(packet) // 2
    found = read_metadata(bytes(data), packet[:middle] + junk + packet[middle:], iim(2, 25, junk) + junk, now=NOW)
    assert 1 <= found.orientation <= 8
    if found.gps:
        assert abs(found.gps.latitude) <= 90
        assert abs(found.gps.longitude) <= 180
    if found.captured:
        assert 1826 <= found.captured.wall.year <= 2025
    for words in (found.camera_make, found.caption, found.title, *found.keywords):
        assert words is None or (words == unicodedata.normalize("NFC", words) and "\0" not in words and words.strip())


@settings(max_examples=200)
@given(st.binary(max_size=400))
def test_any_bytes_are_metadata_of_some_kind(junk):
    """Bytes that were never metadata are read as none, without an error."""
    for found in (
        read_metadata(junk, junk, junk),
        read_metadata(b"II*\0\x08\0\0\0" + junk, b"<x>" + junk, b"8BIM\x04\x04" + junk),
    ):
        assert 1 <= found.orientation <= 8
        assert found.rating is None or -1 <= found.rating <= 5
