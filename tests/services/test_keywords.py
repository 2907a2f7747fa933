"""The keywords a picture carries become tags only where the operator asked for it."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from calotype.domain.listing import AssetFilter, PageRequest
from tests.services.library import library as open_library

_XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Bag><rdf:li>harbour</rdf:li><rdf:li>fog</rdf:li>
<rdf:li>WORDY</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>""".replace(b"WORDY", b"w" * 51)


def picture_with_keywords():
    """A JPEG that carries two keywords, and one too long for a tag."""
    stream = io.BytesIO()
    Image.effect_noise((80, 60), 40).convert("RGB").save(stream, "JPEG", xmp=_XMP)
    return stream.getvalue()


@pytest.mark.parametrize(("asked", "tags"), [(False, ("fog", "sea")), (True, ("fog", "sea", "harbour"))])
async def test_keywords_join_the_tags_only_when_asked(own_database, tmp_path, asked, tags):
    """Given tags come first, nothing is there twice, what is too long is left out, and new tags are found by search."""
    async with open_library(own_database, tmp_path, keywords_as_tags=asked) as library:
        asset_id = await library.finished(picture_with_keywords(), tags=("fog", "sea"))

        asset = await library.asset(asset_id)
        found = await library.services.search.page(library.scope, AssetFilter(search="harbour"), PageRequest())

    assert asset.tags == tags
    assert [one.id for one in found.assets] == ([asset_id] if asked else [])
