"""Images that are sent together get their rows together, in the order sent, with what was said of each."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from calotype.domain.asset import State
from calotype.domain.errors import InvalidInput, QuotaExceeded, Refused, TooLarge, Unavailable, UsageLimitExceeded
from calotype.domain.job import Task
from tests.services.batches import Deputy, ForgetfulDatabase
from tests.services.images import NOTHING, at, kept, large, listed, send, wanted
from tests.services.library import chunks, photo
from tests.services.test_quotas import limit


@pytest.fixture
def terms(library, monkeypatch):
    """Sets what uploads may be."""

    def set_terms(**values):
        uploads = library.services.image_uploads
        monkeypatch.setattr(uploads, "terms", replace(uploads.terms, **values))

    return set_terms


async def test_results_come_in_the_order_sent_with_what_was_said_of_each(library):
    """Small and large files alike; times a microsecond apart keep lists in that order."""
    files = [(f"{index}.jpg", large() if index == 3 else photo()) for index in range(12)]
    asked = [wanted(index % 3 > 0, **({"place": index, "x": 1.0} if index % 2 else {})) for index in range(12)]

    images = await send(library, files, asked)

    assert [image.document for image in images] == [
        f'{{"place":{index},"x":1.0}}' if index % 2 else None for index in range(12)
    ]
    assert [image.indexing for image in images] == [
        State.PENDING if index % 3 else State.SKIPPED for index in range(12)
    ]
    assert [at(image) - at(images[0]) for image in images] == list(range(12))
    assert await listed(library) == images[::-1]
    assert await library.services.images.get(library.scope, [image.id for image in images]) == images
    for image, (name, data) in zip(images, files, strict=True):
        asset = await library.asset(image.id)
        assert (asset.original_filename, asset.size_bytes) == (name, len(data))
        assert library.jobs(image.id) == [Task.MAKE_VARIANTS.value]
    assert len(library.objects()) == 12


async def test_equal_bytes_are_images_of_their_own(library):
    """Nothing is merged, within an upload or with what is there."""
    data = photo()
    images = [*await send(library, [("a.jpg", data), ("a.jpg", data)]), *await send(library, [("a.jpg", data)])]
    assert len({image.id for image in images}) == len(library.objects()) == 3


async def test_many_uploads_at_once_stay_whole(library):
    """Each is answered with its own images, and all of them are there."""
    asked = [[wanted(who=who, place=place) for place in range(9)] for who in range(6)]
    answers = await asyncio.gather(
        *(send(library, [(f"{place}.jpg", photo()) for place in range(9)], requests) for requests in asked)
    )
    for who, images in enumerate(answers):
        assert [image.document for image in images] == [f'{{"who":{who},"place":{place}}}' for place in range(9)]
    assert len({image.id for images in answers for image in images}) == len(await listed(library)) == 54


async def test_the_first_upload_is_seen_whole_or_not_at_all(library):
    """Whoever lists while an upload ends never sees a part of it."""
    seen = set()
    sending = asyncio.create_task(send(library, [(f"{place}.jpg", photo()) for place in range(40)]))
    while not sending.done():
        seen.add(len(await listed(library)))
    assert len(await sending) == 40
    assert seen <= {0, 40}


@pytest.mark.parametrize("room", [0, 2, 4])
async def test_a_month_that_ends_in_the_middle_refuses_all(library, room):
    """What would fit goes with what does not."""
    limit(library, monthly_upload_limit=room)
    with pytest.raises(UsageLimitExceeded):
        await send(library, [(f"{place}.jpg", photo()) for place in range(5)])
    assert kept(library) == NOTHING


async def test_a_quota_that_is_full_in_the_middle_refuses_all(library):
    """One byte too many, anywhere, and nothing is kept; exactly full is accepted."""
    files = [(f"{place}.jpg", photo()) for place in range(4)]
    size = sum(len(data) for _, data in files)
    limit(library, storage_quota_bytes=size - 1)
    with pytest.raises(QuotaExceeded):
        await send(library, files)
    assert kept(library) == NOTHING
    limit(library, storage_quota_bytes=size)
    assert len(await send(library, files)) == 4


async def test_of_many_uploads_only_as_many_are_kept_whole_as_there_is_room_for(library):
    """Limits hold over uploads at once, and none of them is cut in two."""
    limit(library, monthly_upload_limit=10)
    files = [[(f"{place}.jpg", photo()) for place in range(3)] for _ in range(6)]
    outcomes = await asyncio.gather(*(send(library, some) for some in files), return_exceptions=True)
    assert sum(isinstance(outcome, UsageLimitExceeded) for outcome in outcomes) == 3
    assert len(await listed(library)) == len(library.objects()) == 9


async def test_a_commit_whose_answer_is_lost_keeps_rows_and_objects(library, monkeypatch):
    """Nobody knows whether the rows are there, so no object may be removed; here they are."""
    ingest = library.services.image_uploads.ingest
    monkeypatch.setattr(ingest, "_database", ForgetfulDatabase(ingest._database))
    with pytest.raises(Unavailable):
        await send(library, [("a.jpg", photo()), ("b.jpg", large())], [wanted(a=1), wanted()])
    assert [image.document for image in await listed(library)] == [None, '{"a":1}']
    assert len(library.objects()) == 2
    assert await library.services.upkeep.missing_originals() == []


class LostDatabase(Deputy):
    """A database that cannot be reached for writing."""

    def write(self):
        """No transaction."""
        raise Unavailable("the database cannot be reached")


async def test_objects_whose_rows_could_not_be_written_are_swept(library, monkeypatch):
    """A database that is away leaves objects that no row knows, which is the order in which nothing can be lost."""
    ingest = library.services.image_uploads.ingest
    with monkeypatch.context() as patch:
        patch.setattr(ingest, "_database", LostDatabase(ingest._database))
        with pytest.raises(Unavailable):
            await send(library, [("a.jpg", photo())])
    assert len(library.objects()) == 1
    await library.services.upkeep.sweep()
    assert kept(library) == NOTHING


@pytest.mark.parametrize(
    ("files", "asked", "urls", "context"),
    [
        (0, None, 0, {"field": "images", "is_missing": True}),
        (0, [], 0, {"field": "images", "is_missing": True}),
        (2, [], 0, {"field": "metadata.requests"}),
        (2, [wanted()], 0, {"field": "metadata.requests"}),
        (2, [wanted()] * 3, 0, {"field": "metadata.requests"}),
        (1, [wanted()], 1, {"field": "metadata.requests"}),
        (5, None, 0, {"field": "images"}),
        (3, None, 2, {"field": "images"}),
        (2, [wanted(), wanted(x="ü" * 30)], 0, {"field": "metadata.requests[1].metadata"}),
    ],
)
async def test_numbers_that_do_not_fit_are_refused_before_anything_is_fetched(
    library, terms, files, asked, urls, context
):
    """Neither files nor URLs, too many, another number of requests, too much metadata: the field is named, nothing is kept."""
    terms(max_images=4, max_metadata_bytes=60)
    with pytest.raises(InvalidInput) as refused:
        await send(
            library, [(f"{place}.jpg", photo()) for place in range(files)], asked, ["http://nowhere.invalid/"] * urls
        )
    assert dict(refused.value.context) == context
    assert kept(library) == NOTHING


async def test_metadata_is_measured_as_clients_count_it(library, terms):
    """The JSON text in UTF-8 without spaces; escapes count as what they stand for."""
    terms(max_metadata_bytes=len('{"x":"üü"}'.encode()))
    (image,) = await send(library, [("a.jpg", photo())], [wanted(x="üü")])
    assert image.document == '{"x":"\\u00fc\\u00fc"}'


async def test_an_upload_that_took_too_long_is_refused(library, terms):
    """Its objects might be swept before their rows are there."""
    terms(longest=-1.0)
    with pytest.raises(Refused):
        await send(library, [("a.jpg", photo())])
    assert kept(library) == NOTHING


async def test_an_upload_has_an_end(library, terms):
    """What is thrown away counts as well, so that nobody can send for ever."""
    one = photo()
    terms(max_images=1, max_image_bytes=len(one), max_text_bytes=500)
    async with library.services.image_uploads.receiving(library.scope) as upload:
        await upload.take("a.jpg", chunks(one))
        await upload.ignore(chunks(b"x" * 1000))
        with pytest.raises(TooLarge):
            await upload.ignore(chunks(b"x"))
        assert len(await upload.finish(None, [])) == 1
