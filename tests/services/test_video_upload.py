"""Uploads of videos leave a video that can be read at once, or nothing at all."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from calotype.domain.asset import State
from calotype.domain.errors import (
    AddressNotAllowed,
    CalotypeError,
    EmptyFile,
    InvalidInput,
    NotFound,
    QuotaExceeded,
    TooLarge,
    UndecodableVideo,
    Unsupported,
)
from calotype.domain.job import Urgency
from calotype.domain.video import NewVideo
from calotype.services.ingest import UploadOptions
from calotype.services.video_upload import VideoRequest
from tests.services.films import CRASH, PROBE, looks_like_a_film
from tests.services.library import chunks, photo

URL = "https://example.com/films/a%20b.mp4?x=1"


async def refused(cinema, error: type[CalotypeError], data: bytes | None, **said) -> CalotypeError:
    """An upload that is refused; nothing is left of it."""
    before = cinema.library.objects(), await cinema.services.videos.every(cinema.scope)
    with pytest.raises(error) as raised:  # noqa: PT012 - the upload is a context, whose end counts
        async with cinema.services.video_uploads.receiving(cinema.scope) as upload:
            if data is not None:
                await upload.take("film.mp4", chunks(data))
            await upload.finish(VideoRequest(**{"index": True, **said}))
    assert (cinema.library.objects(), await cinema.services.videos.every(cinema.scope)) == before
    return raised.value


async def test_an_uploaded_video_can_be_read_at_once(cinema):
    """With everything that was said of it and what its container says; its work is queued."""
    group = await cinema.services.video_groups.create(cinema.scope, "Docks", {})
    starts = datetime(2025, 4, 12, 19, 5, 45, tzinfo=UTC)
    said = NewVideo("", None, group_id=group.id, starts_at=starts, has_storyboard=True, caption_prompt="Who?")
    video_id = await cinema.upload(name="loading dock", video=said)
    found = await cinema.one(video_id)
    assert found.video.name == "loading dock"
    assert (found.video.group_id, found.video.starts_at) == (group.id, starts)
    assert (found.video.has_storyboard, found.video.caption_prompt) == (True, "Who?")
    assert found.video.probe == PROBE
    assert (found.video.download, found.video.source_url) == (None, None)
    assert (found.asset.media_type, found.asset.width, found.asset.height) == ("video", 64, 48)
    assert found.run is not None
    assert sorted(cinema.library.jobs(video_id)) == ["index_video", "make_variants"]


async def test_a_video_is_indexed_as_urgently_as_it_was_sent_and_in_the_way_it_was_asked_for(cinema):
    """The run and its job are those of the upload, whichever way in wrote them."""
    film = await cinema.services.ingest.receive(cinema.scope, "a.mp4", chunks(looks_like_a_film()))
    video = NewVideo("a", None, index=True, index_kind="scenes_only")
    options = UploadOptions(urgency=Urgency.BACKFILL, video=video)

    taken = await cinema.services.ingest.accept(film, options)

    run = (await cinema.one(taken.asset_id)).run
    assert (run.id, run.kind, run.created_at) == (taken.run_id, "scenes_only", taken.created_at)
    queued = "SELECT DISTINCT priority FROM procrastinate_jobs WHERE args->>'asset_id' = %s"
    assert cinema.library.sql(queued, str(taken.asset_id)) == [(Urgency.BACKFILL,)]


async def test_a_video_that_is_not_to_be_indexed_is_only_looked_at(cinema):
    """Its poster is made; no run is there, and it is not described."""
    video_id = await cinema.upload(index=False)
    found = await cinema.one(video_id)
    assert (found.video.indexing, found.run) == (None, None)
    assert found.asset.description_status is State.SKIPPED
    assert cinema.library.jobs(video_id) == ["make_variants"]


async def test_a_video_without_a_name_has_its_files(cinema):
    """Its last path component, as it came."""
    assert (await cinema.one(await cinema.upload())).video.name == "film.mp4"


async def test_a_poster_is_not_the_film(cinema):
    """What is made of one frame gives variants and a blur hash, and leaves the film's size; nothing is told of its colours."""
    video_id = await cinema.upload(index=False)
    await cinema.services.pictures.make_variants(cinema.scope, video_id, 1)
    found = (await cinema.one(video_id)).asset
    assert found.variants
    assert (found.width, found.height, found.variant_status) == (64, 48, State.COMPLETED)
    for table in ("dominant_color", "perceptual_hash"):
        assert cinema.library.sql(f"SELECT 1 FROM {table} WHERE asset_id = %s", video_id) == []


@pytest.mark.parametrize(
    ("data", "error"), [(b"", EmptyFile), (b"text, nothing else " * 9, Unsupported), (photo(), Unsupported)]
)
async def test_what_is_no_video_is_refused(cinema, data, error):
    """By its content, and the field is named."""
    assert (await refused(cinema, error, data)).context["field"] == "file"
    assert "probe" not in cinema.children.calls


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        ([Unsupported("only sound")], Unsupported),
        ([UndecodableVideo("cut")], UndecodableVideo),
        ([CRASH] * 3, UndecodableVideo),
    ],
)
async def test_what_cannot_be_decoded_is_refused(cinema, faults, error):
    """After it was stored: its object is removed again."""
    cinema.children.fail("probe", *faults)
    assert (await refused(cinema, error, looks_like_a_film())).context["field"] == "file"


async def test_one_source_is_needed_and_no_more(cinema):
    """Neither, or both, is a mistake; so is a group nobody knows, or somebody else's."""
    neighbour = await cinema.library.neighbour()
    foreign = await cinema.services.video_groups.create(neighbour.scope, "Docks", {})
    assert (await refused(cinema, InvalidInput, None)).context["is_missing"]
    assert (await refused(cinema, InvalidInput, looks_like_a_film(), url=URL)).context["field"] == "video_url"
    for group_id in (uuid4(), foreign.id):
        said = NewVideo("", None, group_id=group_id)
        error = await refused(cinema, NotFound, looks_like_a_film(), video=said)
        assert error.context["kind"] == "group"
        await refused(cinema, NotFound, None, url=URL, video=said)


async def test_a_group_that_goes_meanwhile_takes_no_video(cinema, monkeypatch):
    """Deleted between the look and the row: the upload is refused, and nothing is left."""
    group = await cinema.services.video_groups.create(cinema.scope, "Docks", {})
    accept = cinema.services.ingest.accept

    async def late(*given):
        await cinema.services.video_groups.delete(cinema.scope, group.id)
        return await accept(*given)

    monkeypatch.setattr(cinema.services.ingest, "accept", late)
    await refused(cinema, NotFound, looks_like_a_film(), video=NewVideo("", None, group_id=group.id))


async def test_what_is_too_large_is_refused(cinema, monkeypatch):
    """A video above its limit, at the first byte too many."""
    limits = cinema.services.video_uploads.receiver._limits
    smaller = type(limits)(max_image_bytes=0, max_pixels=0, max_video_bytes=500)
    monkeypatch.setattr(cinema.services.video_uploads.receiver, "_limits", smaller)
    await refused(cinema, TooLarge, looks_like_a_film())


async def test_a_quota_counts_videos(cinema):
    """The last bytes go to one of two uploads; of the other nothing is left."""
    cinema.library.sql("UPDATE tenant SET storage_quota_bytes = 1000 WHERE id = %s", cinema.scope.tenant_id)
    outcomes = await asyncio.gather(cinema.upload(), cinema.upload(), return_exceptions=True)
    assert sorted(isinstance(outcome, QuotaExceeded) for outcome in outcomes) == [False, True]
    assert len(await cinema.services.videos.every(cinema.scope)) == 1
    assert len(cinema.library.objects()) == 1


async def test_an_upload_that_is_broken_off_leaves_nothing(cinema):
    """Cancelled while the file was looked at, or after it was stored: no object stays."""
    cinema.children.hold("probe")
    uploading = asyncio.create_task(cinema.upload())
    await cinema.children.begun["probe"].wait()
    uploading.cancel()
    await asyncio.wait([uploading])
    assert uploading.cancelled()
    assert cinema.library.objects() == set()
    cinema.children.held.clear()
    with pytest.raises(LookupError):  # noqa: PT012 - the upload is a context, whose end counts
        async with cinema.services.video_uploads.receiving(cinema.scope) as upload:
            await upload.take("film.mp4", chunks(looks_like_a_film()))
            assert cinema.library.objects()
            raise LookupError
    assert cinema.library.objects() == set()


async def test_a_url_is_a_video_before_its_bytes_come(cinema):
    """Named after its last path segment; it can be read, waits for its download, and its indexing for that."""
    video_id = await cinema.upload_url(URL)
    found = await cinema.one(video_id)
    assert (found.video.name, found.video.source_url) == ("a b.mp4", URL)
    assert (found.video.download, found.video.is_here) == (State.PENDING, False)
    assert (found.asset.size_bytes, found.asset.width) == (0, None)
    assert cinema.library.jobs(video_id) == ["download_video"]
    assert (await cinema.one(await cinema.upload_url("https://example.com/"))).video.name


@pytest.mark.parametrize(
    "url", ["ftp://example.com/a.mp4", "http://127.0.0.1/a.mp4", "http://10.1.2.3/a", "https://", "nonsense"]
)
async def test_a_url_that_may_not_be_fetched_is_refused_at_once(cinema, url):
    """Told of the field it came in; no row is made."""
    assert (await refused(cinema, AddressNotAllowed, None, url=url)).context["field"] == "video_url"
