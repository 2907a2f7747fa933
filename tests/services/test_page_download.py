"""Videos of pages: the real program runs in a child, and gets at nothing but what the proxy lets through."""

import asyncio
import json
import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from calotype.crawling.address_check import AddressCheck
from calotype.crawling.addresses import Allowed
from calotype.crawling.listener import serving_child
from calotype.crawling.proxy import Proxy
from calotype.domain.errors import AddressNotAllowed, CalotypeError, DownloadFailed, TooLarge, Unsupported
from calotype.services import page_download
from calotype.services.scratch import scratch_folder, sweep_scratch
from tests.crawling.sites import ROOT, Names, answer, redirect, site
from tests.services.pages import brought, downloader, page, page_plugin, small_sandbox

FILM = b"\0\0\0\x18ftypmp42" + os.urandom(300_000)


@pytest.fixture
async def plugin(tmp_path, monkeypatch):
    """The reader of the test's own site."""
    async with page_plugin(tmp_path, monkeypatch):
        yield


@pytest.fixture
async def web():
    """A site with a film."""
    async with site({"/film.mp4": answer(FILM, "200 OK", "Content-Type: video/mp4")}) as made:
        yield made


@pytest.fixture
def pages(plugin, tmp_path):
    """What reads pages; its folder must be empty afterwards."""
    yield downloader(AddressCheck(Allowed.parse("127.0.0.1")), tmp_path / "downloads")
    assert list((tmp_path / "downloads").iterdir()) == []


async def failure(pages, web, **found):
    """How a page's download fails."""
    web.answers["/watch/x"] = page(**{"title": "x", **found})
    with pytest.raises(CalotypeError) as failed:
        await brought(pages, web.url("/watch/x"))
    assert "127.0.0" not in failed.value.message
    return failed.value


async def test_the_film_of_a_page_is_brought_with_its_title(pages, web):
    """The first URL that a site's own reader claims is the one; redirects are followed."""
    web.answers["/moved"] = redirect("/film.mp4")
    web.answers["/watch/a"] = page(title=" A wave\n", url=web.url("/moved"))

    title, film = await brought(pages, web.url("/nobody"), web.url("/watch/a"))

    assert film == FILM
    assert title.split() == ["A", "wave"]


async def test_of_a_page_with_one_entry_that_is_taken(pages, web):
    """Many pages of one video are lists of one."""
    entry = {"_type": "url", "url": web.url("/watch/a"), "ie_key": "TestSite"}
    web.answers["/watch/a"] = page(title="a", url=web.url("/film.mp4"))
    web.answers["/watch/list"] = page(_type="playlist", entries=[entry])
    assert (await brought(pages, web.url("/watch/list"))) == ("a", FILM)


async def test_a_page_that_no_reader_claims_brings_nothing(pages, web):
    """The generic reader would take every page; nothing is asked of the site."""
    assert await brought(pages, web.url("/other"), web.url("/film.mp4")) is None
    assert web.asked == []


async def test_what_cannot_be_taken_as_one_file_is_refused_by_name(pages, web):
    """Lists, streams in pieces, and what is still live."""
    entry = {"_type": "url", "url": web.url("/watch/a")}
    stream = [{"url": web.url("/film.m3u8"), "protocol": "m3u8_native", "ext": "mp4"}]
    apart = [
        {"format_id": "v", "url": web.url("/film.mp4"), "vcodec": "h264", "acodec": "none", "ext": "mp4"},
        {"format_id": "a", "url": web.url("/film.mp4"), "vcodec": "none", "acodec": "aac", "ext": "m4a"},
    ]
    for found, reason in [
        ({"_type": "playlist", "entries": [entry, entry]}, "several videos"),
        ({"_type": "playlist", "entries": []}, "no video"),
        ({"formats": stream}, "stream of pieces"),
        ({"formats": apart}, "picture and sound apart"),
        ({"url": web.url("/film.mp4"), "is_live": True}, "the video is live"),
    ]:
        refused = await failure(pages, web, **found)
        assert isinstance(refused, Unsupported)
        assert reason in refused.message
    assert not any(asked.path == "/film.m3u8" for asked in web.asked)


@pytest.mark.parametrize("how", [{}, {"ie_key": "Generic"}])
async def test_the_generic_reader_stays_off_behind_other_pages(pages, web, how):
    """Also when a site's reader hands on to it, with or without its name."""
    refused = await failure(pages, web, _type="url", url=web.url("/film.mp4"), **how)
    assert "no reader of its own" in refused.message
    assert [asked.path for asked in web.asked] == ["/watch/x"]


async def test_the_generic_reader_stays_off_in_lists(pages, web):
    """The only entry of a list is read by its own rules."""
    entry = {"_type": "url", "url": web.url("/film.mp4"), "ie_key": "Generic"}
    assert isinstance(await failure(pages, web, _type="playlist", entries=[entry]), CalotypeError)
    assert [asked.path for asked in web.asked] == ["/watch/x"]


async def test_a_page_does_not_lead_to_addresses_that_are_not_allowed(pages, web):
    """Neither its video, nor what its reader asks for, nor a redirect on the way."""
    inner = web.url("/film.mp4", host="127.0.0.2")
    web.answers["/away"] = redirect(inner)
    for found in (
        {"url": inner},
        {"url": web.url("/away")},
        {"url": web.url("/film.mp4"), "fetches": inner},
        {"url": web.url("/film.mp4"), "fetches": web.url("/away")},
        {"url": web.url("/film.mp4"), "fetches": f"http://localhost:{web.port}/film.mp4"},
        {"url": web.url("/film.mp4"), "fetches": "http://169.254.169.254/latest/meta-data/"},
    ):
        assert isinstance(await failure(pages, web, **found), AddressNotAllowed)
    assert {asked.path for asked in web.asked} == {"/watch/x", "/away"}


async def test_a_reader_gets_round_the_proxy_by_no_means_of_python(pages, web):
    """No connections, names, files of this machine, or other programs."""
    for tried in (
        ["connects", "127.0.0.1", web.port],
        ["connects", "127.0.0.2", web.port],
        ["looks_up", "localhost"],
        ["runs", sys.executable, "-c", "print(1)"],
    ):
        refused = await failure(pages, web, url=web.url("/film.mp4"), tries=tried)
        assert "PermissionError" in refused.message, tried
    refused = await failure(pages, web, url="file:///etc/passwd")
    assert isinstance(refused, CalotypeError)
    assert {asked.path for asked in web.asked} == {"/watch/x"}


async def test_the_account_of_the_server_is_not_the_readers(pages, web, monkeypatch):
    """Its home, programs and secrets are out of reach, and so are plug-ins that lie in its home."""
    monkeypatch.setenv("CALOTYPE_SECRET", "secret")
    web.answers["/watch/e"] = page(url=web.url("/film.mp4"), environment=True)
    title, _ = await brought(pages, web.url("/watch/e"))
    home, nothing, secret = title.split(" ")
    assert Path(home).name not in {"", Path.home().name}
    assert (nothing, secret) == ("", "None")


async def test_sizes_above_the_limit_are_refused(plugin, web, tmp_path, monkeypatch):
    """By announcement, and by counting what nobody announced."""
    monkeypatch.setattr(page_download, "PAGES_BYTES", 100_000)
    pages = downloader(AddressCheck(Allowed.parse("127.0.0.1")), tmp_path / "downloads", 100_000)

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
    check = AddressCheck(Allowed.parse("127.0.0.1"))
    pages = downloader(check, tmp_path / "downloads", seconds=3, least_rate=100_000)

    async def drip(reader, writer):
        writer.write(answer(b"", length=900_000))
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    web.answers["/drip"] = drip
    slow = await failure(pages, web, url=web.url("/drip"))
    assert (slow.message, slow.context["is_passing"]) == ("the download was too slow", True)


async def test_failures_of_the_site_are_told(pages, web):
    """Its own words without addresses; those of the network as what they are."""

    async def reset(reader, writer):
        writer.transport.abort()

    web.answers["/busy"] = answer(b"", "503 Busy")
    web.answers["/reset"] = reset
    for found, reason, is_passing in [
        (
            {"says": "This video is private, see https://127.0.0.1/why"},
            "This video is private, see (an address)",
            False,
        ),
        ({"breaks": "secret"}, "the site's reader failed (KeyError)", False),
        ({"url": web.url("/gone")}, "the site answered 404", False),
        ({"url": web.url("/busy")}, "the site answered 503", True),
        ({"url": web.url("/reset")}, "the connection to the site broke", True),
        ({}, "no video was found", False),
    ]:
        failed = await failure(pages, web, **found)
        assert reason in failed.message
        assert bool(failed.context.get("is_passing")) is is_passing, failed.message


async def test_leaving_ends_the_child_and_removes_its_file(pages, web):
    """Nothing goes on when nobody waits any more; the fixture looks at the folder."""
    gone = asyncio.Event()

    async def half(reader, writer):
        writer.write(answer(FILM[:1000], length=len(FILM)))
        await reader.read()
        gone.set()

    web.answers["/half"] = half
    web.answers["/watch/a"] = page(title="a", url=web.url("/half"))
    working = asyncio.create_task(brought(pages, web.url("/watch/a")))
    while not any(asked.path == "/half" for asked in web.asked):
        await asyncio.sleep(0.01)
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


async def test_secure_sites_are_read_through_the_tunnel(plugin, tmp_path):
    """The certificate is checked in the child, against what the installation trusts."""
    names = ["-addext", "subjectAltName=DNS:photos.example", "-keyout", "key.pem", "-out", "cert.pem"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=photos.example"]
    try:
        subprocess.run([*command, *names], cwd=tmp_path, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no openssl to make a certificate with")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    check = AddressCheck(Allowed.parse("127.0.0.1"), lookup=Names(photos_example=[["127.0.0.1"]]))

    def trusting():
        return small_sandbox(SSL_CERT_FILE=str(tmp_path / "cert.pem"))

    async with site({"/film.mp4": answer(FILM)}, ssl=tls) as web:
        web.answers["/watch/a"] = page(title="a", url=web.url("/film.mp4", host="photos.example", scheme="https"))
        url = web.url("/watch/a", host="photos.example", scheme="https")
        assert await brought(downloader(check, tmp_path / "downloads", sandbox=trusting), url) == ("a", FILM)
        with pytest.raises(DownloadFailed):
            await brought(downloader(check, tmp_path / "downloads"), url)


async def test_where_the_system_gives_no_network_of_its_own_the_proxy_is_still_the_only_way(plugin, web, tmp_path):
    """The same program in an ordinary process: its listener stands in the network of all, and it reaches nothing else."""
    web.answers["/watch/a"] = page(title="a", url=web.url("/film.mp4"))
    web.answers["/watch/b"] = page(url=web.url("/film.mp4"), tries=["connects", "127.0.0.1", web.port])
    program = """
import json, sys
from calotype.crawling.page_program import download_page
from calotype.domain.errors import CalotypeError
try:
    print(json.dumps(download_page(*json.loads(sys.argv[1])).title))
except CalotypeError as error:
    print(error.message)
"""
    said = []
    for path in ("/watch/a", "/watch/b"):
        proxy = Proxy(AddressCheck(Allowed.parse("127.0.0.1")), limit=10**7)
        folder = tmp_path / path[-1]
        folder.mkdir()
        order = json.dumps([[web.url(path)], str(folder), proxy.token, 10**6])
        async with serving_child(proxy, folder):
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                program,
                order,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                stdout=asyncio.subprocess.PIPE,
            )
            said.append((await child.communicate())[0].decode().strip())
    assert said[0] == '"a"'
    assert "PermissionError" in said[1]


async def test_a_folder_with_a_long_path_has_room_for_the_door(plugin, web, tmp_path):
    """Paths of Unix sockets have a hundred bytes on some systems, those of data folders have more."""
    web.answers["/watch/a"] = page(title="a", url=web.url("/film.mp4"))
    deep = tmp_path / ("x" * 80) / ("y" * 80)
    assert await brought(downloader(AddressCheck(Allowed.parse("127.0.0.1")), deep), web.url("/watch/a")) == ("a", FILM)


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
