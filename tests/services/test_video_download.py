"""Videos that are announced with a URL: fetched, checked and given their bytes, or ended with a reason; nothing is left over."""

import asyncio
import json
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from calotype.crawling.addresses import Allowed
from calotype.crawling.fetcher import Fetcher
from calotype.domain.asset import State
from calotype.domain.errors import Unavailable
from calotype.domain.video import IndexingStatus
from calotype.services import page_download, video_download
from calotype.services.attempts import MOST_BEGINNINGS
from calotype.services.video_download import MOST_TRIES, DownloadLimits
from calotype.services.video_upload import VideoRequest
from tests.crawling.page_sites import page, write_plugin
from tests.crawling.sites import Names, answer, redirect, site
from tests.films import film
from tests.services.library import photo

LIMIT = 200_000


@pytest.fixture(scope="module")
def movie():
    """A film of a second."""
    return film()


@asynccontextmanager
async def fetching(library, monkeypatch, limit=LIMIT, least_rate=1000.0, **options):
    """Have this library's downloads, and their checks, go by a fetcher of the test."""
    fetcher = Fetcher(Allowed.parse("127.0.0.1"), version="test", **options)
    service = library.services.video_downloads
    monkeypatch.setattr(service, "_fetcher", fetcher)
    monkeypatch.setattr(service, "_limits", DownloadLimits(limit, least_rate))
    monkeypatch.setattr(service._pages, "_check", fetcher.check)
    monkeypatch.setattr(library.services.video_uploads, "fetcher", fetcher)
    try:
        yield
    finally:
        await fetcher.aclose()


@pytest.fixture
async def downloads(library, monkeypatch, movie):
    """A library that may fetch from a site, which has a film."""
    async with (
        site({"/film.mp4": answer(movie, "200 OK", "Content-Type: video/mp4")}) as web,
        fetching(library, monkeypatch),
    ):
        yield Downloads(library, web)
    assert not any((library._data_dir / "downloads").glob("*"))


class Downloads:
    """Videos announced and fetched in one library."""

    def __init__(self, library, web) -> None:
        self.library = library
        self.web = web

    async def announce(self, path="/film.mp4", *, host="127.0.0.1", **request):
        """Ask for the download of a URL of the site; returns the id."""
        asked = VideoRequest(**{"index": True, **request, "url": self.web.url(path, host=host)})
        async with self.library.services.video_uploads.receiving(self.library.scope) as upload:
            return await upload.finish(asked)

    async def run(self, asset_id, attempt=1):
        """Do the job once."""
        await self.library.services.video_downloads.download(self.library.scope, asset_id, attempt)

    async def video(self, asset_id):
        """The video as it is shown."""
        return (await self.library.services.videos.one(self.library.scope, asset_id)).video

    async def failure(self, path, **options):
        """Why a download ends at once; nothing of it is kept but the row."""
        asset_id = await self.announce(path, **options)
        await self.run(asset_id)
        video = await self.video(asset_id)
        assert video.download is State.FAILED
        assert video.indexing is IndexingStatus.FAILED
        assert self.library.objects() == set()
        assert "127.0" not in video.download_error
        return video.download_error


async def test_a_film_is_brought_and_its_work_queued(downloads, movie):
    """Redirects are followed; size, checksum, kind and times are those of the bytes, which lie where the row says."""
    downloads.web.answers["/a/wave.mp4"] = redirect("/film.mp4")
    asset_id = await downloads.announce("/a/wave.mp4")
    library = downloads.library
    assert library.jobs(asset_id) == ["download_video"]

    await downloads.run(asset_id)
    await downloads.run(asset_id)

    asset, video = await library.asset(asset_id), await downloads.video(asset_id)
    assert (asset.size_bytes, asset.content_type, asset.format) == (len(movie), "video/mp4", "mp4")
    assert (asset.width, asset.height, video.name) == (64, 48, "wave.mp4")
    assert video.download is State.COMPLETED
    assert video.probe.duration == pytest.approx(1, abs=0.2)
    assert library.objects() == {asset.object_key}
    assert sorted(library.jobs(asset_id)) == ["download_video", "index_video", "make_variants"]
    assert len(downloads.web.asked) == 2


PERMANENT = [
    ("/gone.mp4", "the server answered 404"),
    ("/page", "calotype[download]"),
    ("/stream.m3u8", "list of a stream's pieces (HLS)"),
    ("/big.mp4", f"larger than {LIMIT} bytes"),
    ("/endless.mp4", f"larger than {LIMIT} bytes"),
    ("/photo.jpg", "image/jpeg files are not accepted"),
    ("/text.mp4", "no supported type"),
    ("/empty.mp4", "empty"),
    ("/broken.mp4", "video"),
    ("/inner.mp4", "redirect leads to a URL that is not allowed"),
    ("/packed.mp4", "compressed"),
]


async def test_what_cannot_be_had_ends_at_once_with_its_reason(downloads, movie, monkeypatch):
    """Permanent faults are not tried again, leave no object, and the video stays readable."""

    async def endless(reader, writer):
        writer.write(answer(b"", length=-1) + movie)
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    downloads.web.answers |= {
        "/page": answer(b"<!doctype html><title>x</title>", "200 OK", "Content-Type: text/html"),
        "/stream.m3u8": answer(b"#EXTM3U\n", "200 OK", "Content-Type: application/vnd.apple.mpegurl"),
        "/big.mp4": answer(movie, length=LIMIT + 1),
        "/endless.mp4": endless,
        "/photo.jpg": answer(photo()),
        "/text.mp4": answer(b"hello"),
        "/empty.mp4": answer(b""),
        "/broken.mp4": answer(movie[:40] + bytes(2000)),
        "/inner.mp4": redirect(downloads.web.url("/film.mp4", host="127.0.0.2")),
        "/packed.mp4": answer(movie, "200 OK", "Content-Encoding: gzip"),
    }
    monkeypatch.setattr(page_download, "page_reader", lambda: None)
    for path, reason in PERMANENT:
        said = await downloads.failure(path)
        assert said.startswith("The video could not be downloaded: ")
        assert reason in said, (path, said)


async def test_a_name_that_leads_inside_is_refused_when_it_is_fetched(library, monkeypatch):
    """Its text shows nothing; also when the name leads elsewhere at another time."""
    names = Names(inner_example=[["10.0.0.1"]], half_example=[["93.184.216.34", "10.0.0.1"]])
    async with site() as web, fetching(library, monkeypatch, lookup=names):
        downloads = Downloads(library, web)
        for host in ("inner.example", "half.example"):
            assert "not public" in await downloads.failure("/film.mp4", host=host)
        assert "host name could not be found" in await downloads.failure("/film.mp4", host="nowhere.example")
        assert web.connections == 0


async def test_faults_that_pass_are_tried_again_a_few_times(downloads, monkeypatch):
    """The job fails, which the queue answers with a pause; the last try ends it with the reason."""

    async def reset(reader, writer):
        writer.transport.abort()

    monkeypatch.setattr(page_download, "page_reader", lambda: None)
    downloads.web.answers |= {"/busy": answer(b"", "503 Busy"), "/limited": answer(b"", "429 Slow"), "/reset": reset}
    downloads.web.answers["/half"] = answer(b"\0\0\0\x18ftypmp42", length=5000)
    for path in ("/busy", "/limited", "/reset", "/half"):
        asset_id = await downloads.announce(path)
        for attempt in range(1, MOST_TRIES):
            with pytest.raises(Unavailable):
                await downloads.run(asset_id, attempt)
            assert (await downloads.video(asset_id)).download is State.PROCESSING
        await downloads.run(asset_id, MOST_TRIES)
        assert (await downloads.video(asset_id)).download is State.FAILED
    assert downloads.library.objects() == set()


async def test_a_fault_that_passed_leaves_no_trace(downloads, movie):
    """The next try begins from the start and succeeds."""
    asset_id = await downloads.announce("/late.mp4")
    downloads.web.answers["/late.mp4"] = answer(movie[:500], length=len(movie))
    with pytest.raises(Unavailable):
        await downloads.run(asset_id)
    downloads.web.answers["/late.mp4"] = answer(movie)
    await downloads.run(asset_id, 2)
    assert (await downloads.video(asset_id)).download is State.COMPLETED
    assert downloads.library.objects() == {(await downloads.library.asset(asset_id)).object_key}


async def test_a_drip_is_given_up(library, monkeypatch):
    """It sends for ever, but less than is asked for."""

    async def drip(reader, writer):
        writer.write(answer(b"", length=LIMIT))
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with site({"/drip": drip}) as web, fetching(library, monkeypatch, least_rate=100_000.0, total=0.5):
        downloads = Downloads(library, web)
        asset_id = await downloads.announce("/drip")
        await downloads.run(asset_id, MOST_TRIES)
        assert "too slow" in (await downloads.video(asset_id)).download_error


async def test_a_job_that_kills_its_workers_is_given_up(downloads):
    """What is begun again and again is the likely cause."""
    asset_id = await downloads.announce()
    await downloads.run(asset_id, MOST_BEGINNINGS + 1)
    assert "interrupted" in (await downloads.video(asset_id)).download_error
    assert downloads.web.asked == []


@pytest.mark.parametrize("purged", [False, True], ids=["trashed", "purged"])
async def test_nobody_waits_for_a_video_that_was_deleted(downloads, movie, purged):
    """The download stops in the middle, the connection is closed, and nothing of it is kept."""
    asked, gone = asyncio.Event(), asyncio.Event()

    async def half(reader, writer):
        writer.write(answer(movie[:500], length=len(movie)))
        asked.set()
        await reader.read()
        gone.set()

    downloads.web.answers["/half.mp4"] = half
    library = downloads.library
    asset_id = await downloads.announce("/half.mp4")
    running = asyncio.create_task(downloads.run(asset_id))
    await asked.wait()
    await library.services.trash.delete(library.scope, asset_id)
    if purged:
        await library.services.trash.purge_due()
    await running
    await gone.wait()

    assert library.objects() == set()
    await downloads.run(asset_id)
    assert len(downloads.web.asked) == 1


async def test_a_video_that_was_restored_is_fetched_after_all(downloads):
    """What stopped when it was deleted begins again."""
    library = downloads.library
    asset_id = await downloads.announce()
    await library.services.trash.delete(library.scope, asset_id)
    await downloads.run(asset_id)
    assert downloads.web.asked == []
    await library.services.trash.restore(library.scope, asset_id)
    assert "download_video" in library.jobs(asset_id)
    await downloads.run(asset_id)
    assert (await downloads.video(asset_id)).download is State.COMPLETED


async def test_of_two_workers_on_one_video_one_brings_it(downloads, movie):
    """A worker that was taken for dead neither overwrites nor removes what the other has brought."""
    held, go = asyncio.Event(), asyncio.Event()
    other = film(seconds=2)

    async def slow(reader, writer):
        writer.write(answer(other[:500], length=len(other)))
        await writer.drain()
        held.set()
        await go.wait()
        writer.write(other[500:])
        await writer.drain()

    asset_id = await downloads.announce("/film.mp4")
    usual = downloads.web.answers["/film.mp4"]
    downloads.web.answers["/film.mp4"] = slow
    first = asyncio.create_task(downloads.run(asset_id))
    await held.wait()
    downloads.web.answers["/film.mp4"] = usual
    await downloads.run(asset_id)
    go.set()
    await first

    asset = await downloads.library.asset(asset_id)
    assert asset.size_bytes == len(movie)
    assert downloads.library.objects() == {asset.object_key}


async def test_a_stopped_worker_leaves_nothing(downloads, movie):
    """Its job is given back; the next one begins from the start."""
    asked = asyncio.Event()

    async def half(reader, writer):
        writer.write(answer(movie[:500], length=len(movie)))
        asked.set()
        await reader.read()

    downloads.web.answers["/half.mp4"] = half
    asset_id = await downloads.announce("/half.mp4")
    running = asyncio.create_task(downloads.run(asset_id))
    await asked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert downloads.library.objects() == set()
    assert (await downloads.video(asset_id)).download is State.PROCESSING


async def test_quota_is_taken_when_the_bytes_are_known(downloads, movie):
    """A film that does not fit ends with that reason, and its object is removed."""
    library = downloads.library
    library.sql("UPDATE tenant SET storage_quota_bytes = %s WHERE id = %s", len(movie) - 1, library.scope.tenant_id)
    asset_id = await downloads.announce()
    await downloads.run(asset_id)
    assert (await downloads.video(asset_id)).download is State.FAILED
    assert "quota" in (await downloads.video(asset_id)).download_error
    assert library.objects() == set()


async def test_a_page_brings_its_film_and_its_title(downloads, tmp_path, monkeypatch):
    """Found through redirects too; a name that the client gave stays."""
    monkeypatch.syspath_prepend(write_plugin(tmp_path))
    head = b"<!doctype html>"
    web = downloads.web
    asked = json.loads(json.dumps({"title": "A wave", "url": web.url("/film.mp4")}))
    looks = iter([head, None, head, None])

    async def watch(reader, writer):
        # A browser's page for the fetcher, then what the reader of the site understands.
        first = next(looks)
        writer.write(page(**asked) if first is None else answer(first, "200 OK", "Content-Type: text/html"))
        await writer.drain()

    web.answers |= {"/watch/a": watch, "/short": redirect("/watch/a")}
    guessed, named = await downloads.announce("/short"), await downloads.announce("/watch/a", name="mine")
    for asset_id, name in ((guessed, "A wave"), (named, "mine")):
        await downloads.run(asset_id)
        video = await downloads.video(asset_id)
        assert (video.download, video.name) == (State.COMPLETED, name), video.download_error


async def test_a_page_without_a_reader_of_its_own_is_refused(downloads):
    """A site that refuses keeps its own reason."""
    downloads.web.answers |= {
        "/page": answer(b"<!doctype html>"),
        "/forbidden": answer(b"", "403 Forbidden"),
    }
    assert "no reader of its own" in await downloads.failure("/page")
    assert "the server answered 403" in await downloads.failure("/forbidden")


async def test_the_look_whether_it_is_awaited_knows_others(library):
    """A video of another tenant, or none at all, is not waited for."""
    announcing = library.services.video_downloads._announcing
    assert not await announcing.is_awaited(library.scope, uuid4())
    assert video_download.MOST_TRIES < MOST_BEGINNINGS
