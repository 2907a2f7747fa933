"""Videos of pages: the real program runs in a child, and gets at nothing but what the proxy lets through."""

import asyncio
import shutil
import ssl
import subprocess
import sys

import pytest

from calotype.crawling.address_check import AddressCheck
from calotype.crawling.addresses import Allowed
from calotype.crawling.pace import Pace
from calotype.domain.errors import AddressNotAllowed, CalotypeError, DownloadFailed, TooLarge
from calotype.sandbox.pool import Sandbox
from calotype.services import page_download
from calotype.services.page_download import PageDownloader, PageLimits
from calotype.services.scratch import scratch_folder, sweep_scratch
from tests.crawling.page_sites import FILM, page, write_plugin
from tests.crawling.sites import ROOT, Names, answer, site

GIB = 1024**3


def downloader(folder, max_bytes=1_000_000, *, seconds=60.0, least_rate=1000.0, names=None, **environment):
    """What reads pages, with its files in a folder of the test."""
    check = AddressCheck(Allowed.parse("127.0.0.1"), lookup=names)

    def sandbox():
        return Sandbox("pages", 1, memory_limit=GIB, nice=10, file_limit=GIB, environment=environment)

    return PageDownloader(check, sandbox, folder, PageLimits(max_bytes, Pace(seconds, least_rate)))


async def brought(pages, *urls):
    """The title and the bytes of a page's video; None when no reader claims the URLs."""
    async with pages.download(urls) as found:
        return found and (found.title, b"".join([chunk async for chunk in found.chunks]))


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Children find the reader of the test's own site."""
    monkeypatch.setattr(sys, "path", [write_plugin(tmp_path), *sys.path])


@pytest.fixture
async def web():
    """A site with a film."""
    async with site({"/film.mp4": answer(FILM, "200 OK", "Content-Type: video/mp4")}) as made:
        yield made


@pytest.fixture
def pages(plugin, tmp_path):
    """What reads pages; its folder must be empty afterwards."""
    yield downloader(tmp_path / "downloads")
    assert list((tmp_path / "downloads").iterdir()) == []


async def failure(pages, web, **found):
    """How a page's download fails."""
    web.answers["/watch/x"] = page(**{"title": "x", **found})
    with pytest.raises(CalotypeError) as failed:
        await brought(pages, web.url("/watch/x"))
    assert "127.0.0" not in failed.value.message
    return failed.value


async def test_the_film_of_a_page_is_brought_with_its_title(pages, web):
    """By a child that is kept off the network, where the system can do that."""
    web.answers["/watch/a"] = page(title="A wave", url=web.url("/film.mp4"))
    assert await brought(pages, web.url("/watch/a")) == ("A wave", FILM)


async def test_a_page_that_no_reader_claims_brings_nothing(pages, web):
    """And no page leads to an address that is not allowed, which is told as such."""
    assert await brought(pages, web.url("/other")) is None
    refused = await failure(pages, web, url=web.url("/film.mp4", host="127.0.0.2"))
    assert isinstance(refused, AddressNotAllowed)


async def test_sizes_above_the_limit_are_refused(plugin, web, tmp_path, monkeypatch):
    """By announcement, and by counting what nobody announced."""
    monkeypatch.setattr(page_download, "PAGES_BYTES", 100_000)
    pages = downloader(tmp_path / "downloads", 100_000)

    async def endless(reader, writer):
        writer.write(answer(b"", length=-1))
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    web.answers["/endless"] = endless
    for path in ("/film.mp4", "/endless"):
        assert isinstance(await failure(pages, web, url=web.url(path)), TooLarge)
    assert list((tmp_path / "downloads").iterdir()) == []


async def test_a_drip_is_given_up(plugin, web, tmp_path, monkeypatch):
    """Which is a fault that may pass."""
    monkeypatch.setattr(page_download, "_LOOK_EVERY", 0.05)
    pages = downloader(tmp_path / "downloads", seconds=3, least_rate=100_000)

    async def drip(reader, writer):
        writer.write(answer(b"", length=900_000))
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    web.answers["/drip"] = drip
    slow = await failure(pages, web, url=web.url("/drip"))
    assert (slow.message, slow.context["is_passing"]) == ("the download was too slow", True)


async def test_leaving_ends_the_child_and_removes_its_file(pages, web):
    """Nothing goes on when nobody waits any more; the fixture looks at the folder."""
    asked, gone = asyncio.Event(), asyncio.Event()

    async def half(reader, writer):
        asked.set()
        writer.write(answer(FILM[:1000], length=len(FILM)))
        await reader.read()
        gone.set()

    web.answers["/half"] = half
    web.answers["/watch/a"] = page(title="a", url=web.url("/half"))
    working = asyncio.create_task(brought(pages, web.url("/watch/a")))
    await asked.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    await gone.wait()


async def test_a_link_is_not_followed_out_of_the_folder(tmp_path):
    """What a child that was taken over says of its file is not believed."""
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(DownloadFailed):
        page_download._opened(tmp_path / "link")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A key and a certificate for `photos.example` that nobody has signed."""
    if not (openssl := shutil.which("openssl")):
        pytest.skip("there is no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=photos.example"]
    names = ["-addext", "subjectAltName=DNS:photos.example", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run([*command, *names], cwd=folder, check=True, capture_output=True)
    return folder


async def test_secure_sites_are_read_through_the_tunnel(plugin, certificate, tmp_path):
    """The certificate is checked in the child, against what the installation trusts."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    names = Names(photos_example=[["127.0.0.1"]])
    trusting = downloader(tmp_path / "downloads", names=names, SSL_CERT_FILE=str(certificate / "cert.pem"))

    async with site({"/film.mp4": answer(FILM)}, ssl=tls) as web:
        web.answers["/watch/a"] = page(title="a", url=web.url("/film.mp4", host="photos.example", scheme="https"))
        url = web.url("/watch/a", host="photos.example", scheme="https")
        assert await brought(trusting, url) == ("a", FILM)
        with pytest.raises(DownloadFailed):
            await brought(downloader(tmp_path / "downloads", names=names), url)


async def test_a_folder_with_a_long_path_has_room_for_the_door(plugin, web, tmp_path):
    """Paths of Unix sockets have a hundred bytes on some systems, those of data folders have more."""
    web.answers["/watch/a"] = page(title="a", url=web.url("/film.mp4"))
    deep = tmp_path / ("x" * 80) / ("y" * 80)
    assert await brought(downloader(deep), web.url("/watch/a")) == ("a", FILM)


def test_folders_of_the_dead_are_swept_and_those_of_the_living_are_not(tmp_path):
    """A killed process cannot tidy up; whoever comes next does it."""
    program = """
import os, signal, sys
from pathlib import Path
from calotype.services.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_bytes(b"x")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, cwd=ROOT)
    assert done.returncode < 0
    assert len(list(tmp_path.iterdir())) == 1
    with scratch_folder(tmp_path) as mine:
        assert sweep_scratch(tmp_path) == 1
        assert list(tmp_path.iterdir()) == [mine]
    assert list(tmp_path.iterdir()) == []
    assert sweep_scratch(tmp_path / "none") == 0
