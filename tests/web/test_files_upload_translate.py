"""Between uploads and the Files API's wire: pure functions, so tried with all sorts of values."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.asset import State
from calotype.domain.errors import InvalidInput, TooLarge
from calotype.domain.picture import MediaType
from calotype.domain.upload import IngestResult
from calotype.web.apis.files.translate import upload as translate
from calotype.web.apis.files.wire import upload as wire
from calotype.web.apis.files.wire.batch import BatchForm
from calotype.web.shared.body_limit import check_announced
from tests.web.asgi import request

MEDIA = st.sampled_from(
    [
        MediaType("image", "image/jpeg", "jpeg"),
        MediaType("video", "video/mp4", "mp4"),
        MediaType("document", "application/pdf", "pdf"),
    ]
)


@given(MEDIA, st.booleans(), st.booleans(), st.none() | st.sampled_from(State))
def test_an_upload_is_told_as_it_went(media, is_duplicate, described, text_status):
    """Variants come of every new file but documents; what was skipped names what it repeats."""
    now = datetime.now(UTC)
    result = IngestResult(
        uuid4(),
        now,
        "key",
        media,
        "default",
        is_duplicate=is_duplicate,
        description_queued=described,
        text_status=text_status,
    )
    told = translate.result_to_wire(result, 1.5)
    assert told.variants_queued is (not is_duplicate and media.media_type in {"image", "video"})
    assert (told.status, told.skipped) == (("skipped", True) if is_duplicate else ("completed", False))
    assert told.skipped_existing_image_id == (result.asset_id if is_duplicate else None)
    assert told.text_extraction_status == (text_status.value if text_status else None)
    assert (told.media_type, told.processing_time_ms) == (media.media_type, 1.5)


def test_a_store_that_is_not_there_is_refused():
    """For one file as for a batch; the default passes."""
    for form in (wire.StreamForm, BatchForm):
        assert translate.options_from_wire(form()).storage_target == "default"
        with pytest.raises(InvalidInput, match="no custom storage"):
            translate.options_from_wire(form(storage_target="custom"))


@pytest.mark.parametrize("announced", ["101", "9" * 5000])
def test_a_body_that_says_it_is_too_long_is_refused_however_long_the_number(announced):
    """A number of thousands of digits is read as what it is, too large; what is no number is left to be counted."""
    asked = request([])
    asked.scope["headers"].append((b"content-length", announced.encode()))
    with pytest.raises(TooLarge, match="A batch may have at most 100 bytes"):
        check_announced(asked, 100, "A batch")
    check_announced(request([]), 100)
