"""Text from files, names and people may hold anything; none of it stops a file or leaks into what it does not concern."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from calotype.domain.asset import State
from calotype.domain.listing import AssetFilter, PageRequest
from tests.services.library import photo

_DESCRIPTION, _MAKER, _MODEL, _XP_COMMENT = 270, 271, 272, 0x9C9C
_NAMES = [
    "with\0nul.jpg",
    "../../etc/passwd.jpg",
    "..\\..\\windows.jpg",
    "\udcff.jpg",
    "\u202egpj.exe",
    "im Caf\u00e9 \u2013 Wien\u2019s sch\u00f6nstes.jpg",
    "写真.jpg",
    "'); DROP TABLE asset; --.jpg",
    "%s %(x)s :name {0}.jpg",
    "\r\nSet-Cookie: a=b.jpg",
    "a" * 5000 + ".jpg",
    "",
    ".",
    "👩‍👩‍👧.jpg",
]


@pytest.mark.parametrize("name", _NAMES, ids=range(len(_NAMES)))
async def test_any_file_name_is_taken_and_is_never_a_path(library, name):
    """The name is cleaned for show; the object lies where the server decides, and the file is finished."""
    asset_id = await library.finished(filename=name)

    asset = await library.asset(asset_id)
    assert asset.variant_status is State.COMPLETED
    assert asset.original_filename
    assert not set(asset.original_filename) & set("\0/\\\r\n")
    assert len(asset.original_filename) <= 255
    assert asset.object_key.split("/")[:3] == ["uploads", str(library.scope.tenant_id), str(asset_id)]
    assert asset.object_key.count("/") == 3
    assert asset.object_key in library.objects()


async def test_odd_text_in_a_pictures_own_metadata_does_not_keep_it_from_being_finished(library):
    """NUL characters, which no database column takes, broken encodings and control characters stand in real files."""
    exif = Image.Exif()
    exif[_DESCRIPTION] = "before\0after\x01\x1b[31m"
    exif[_MAKER] = "Maker\0\0\0"
    exif[_MODEL] = b"\xff\xfe\x00broken\x80".decode("latin-1")
    exif[_XP_COMMENT] = "\ud83d".encode("utf-16-le", "surrogatepass") + b"\0\0"

    asset_id = await library.finished(photo(exif=exif.tobytes(), comment=b"\0\xff\xfe"))

    asset = await library.asset(asset_id)
    assert (asset.variant_status, asset.variant_error) == (State.COMPLETED, None)
    assert (asset.description_status, asset.description_error) == (State.COMPLETED, None)
    assert "\0" not in asset.description


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(), max_size=40))
async def test_any_text_can_be_searched_for(library, text):
    """Operators, quotes, NUL and lone surrogates have no meaning: the answer is a page, never an error."""
    page = await library.services.search.page(library.scope, AssetFilter(search=text), PageRequest(limit=5))

    assert page.total_count >= 0
