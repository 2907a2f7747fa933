"""What reads pages: the real program finds one video, and gets at nothing but what the proxy lets through.

One process reads all pages of this module. It is an ordinary one, as where the system gives it no network of its own, so that
what holds here is the confinement by the program itself and by the proxy.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from calotype.crawling.address_check import AddressCheck
from calotype.crawling.addresses import Allowed
from calotype.crawling.listener import serving_child
from calotype.crawling.proxy import USER, Proxy
from tests.crawling.page_sites import FILM, page, write_plugin
from tests.crawling.sites import ROOT, answer, redirect, site

LIMIT = 1_000_000

_PROGRAM = """
import json, os, sys
from pathlib import Path
from calotype.crawling.listener import LOOPBACK, hand_over
from calotype.crawling.page_program import confine, read_page
from calotype.domain.errors import CalotypeError
folder, proxy = sys.argv[1:]
port = hand_over(Path(folder))
confine(folder, port)
for number, line in enumerate(sys.stdin):
    own = Path(folder, str(number))
    own.mkdir()
    try:
        found = read_page(json.loads(line), str(own), proxy.format(host=LOOPBACK, port=port), LIMIT)
        said = found and ["found", str(own / found.filename), found.title, found.site]
    except CalotypeError as error:
        said = [type(error).__name__, error.message, bool(error.context.get("is_passing"))]
    print(json.dumps(said), flush=True)
""".replace("LIMIT", str(LIMIT))


class Reader:
    """The process, and the proxy that it has."""

    def __init__(self, proxy, child) -> None:
        self.proxy = proxy
        self._child = child

    async def read(self, *urls):
        """What it says of some URLs."""
        self.proxy.refusal = None
        self._child.stdin.write(json.dumps(urls).encode() + b"\n")
        return json.loads(await self._child.stdout.readline())


@pytest.fixture(scope="module")
async def reader(tmp_path_factory):
    """The process that reads."""
    folder = tmp_path_factory.mktemp("pages")
    plugin = write_plugin(folder)
    # A proxy of the environment, and plug-ins in a home, are none of its business.
    home = {"HOME": str(folder / "home"), "HTTP_PROXY": "http://127.0.0.9:9", "no_proxy": "*", "CALOTYPE_SECRET": "x"}
    stray = folder / "home" / ".config" / "yt-dlp" / "plugins" / "stray" / "yt_dlp_plugins" / "extractor"
    stray.mkdir(parents=True)
    (stray / "stray.py").write_text("import os; os._exit(9)")
    proxy = Proxy(AddressCheck(Allowed.parse("127.0.0.1")), limit=10**9, idle=5)
    async with serving_child(proxy, folder):
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _PROGRAM,
            str(folder),
            f"http://{USER}:{proxy.token}@{{host}}:{{port}}",
            cwd=ROOT,
            env={**os.environ, **home, "PYTHONPATH": os.pathsep.join([plugin, *sys.path])},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        yield Reader(proxy, child)
        child.stdin.close()
        await child.wait()


@pytest.fixture
async def web():
    """A site with a film."""
    async with site({"/film.mp4": answer(FILM, "200 OK", "Content-Type: video/mp4")}) as made:
        yield made


async def told(reader, web, **found):
    """What is said of a page; no address is in it."""
    web.answers["/watch/x"] = page(**{"title": "x", **found})
    said = await reader.read(web.url("/watch/x"))
    assert "127.0.0" not in said[1] or said[0] == "found"
    return said


async def test_the_film_of_a_page_is_found_with_its_title(reader, web):
    """The first URL that a site's own reader claims is the one; redirects are followed."""
    web.answers["/moved"] = redirect("/film.mp4")
    web.answers["/watch/a"] = page(title=" A wave\n", url=web.url("/moved"))

    kind, path, title, name = await reader.read(web.url("/nobody"), web.url("/watch/a"))

    assert (kind, title.split(), name) == ("found", ["A", "wave"], "TestSite")
    assert await asyncio.to_thread(Path(path).read_bytes) == FILM


async def test_of_a_page_with_one_entry_that_is_taken(reader, web):
    """Many pages of one video are lists of one."""
    web.answers["/watch/a"] = page(title="a", url=web.url("/film.mp4"))
    entry = {"_type": "url", "url": web.url("/watch/a"), "ie_key": "TestSite"}
    assert (await told(reader, web, _type="playlist", entries=[entry]))[::2] == ["found", "a"]


async def test_a_page_that_no_reader_claims_brings_nothing(reader, web):
    """The generic reader would take every page; nothing is asked of the site."""
    assert await reader.read(web.url("/other"), web.url("/film.mp4")) is None
    assert web.asked == []


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({"_type": "playlist", "entries": [{"_type": "url", "url": "http://h/watch/a"}] * 2}, "several videos"),
        ({"_type": "playlist", "entries": []}, "no video"),
        ({"formats": [{"url": "{site}/s.m3u8", "protocol": "m3u8_native", "ext": "mp4"}]}, "stream of pieces"),
        (
            {
                "formats": [
                    {"format_id": "v", "url": "{site}/film.mp4", "vcodec": "h264", "acodec": "none", "ext": "mp4"},
                    {"format_id": "a", "url": "{site}/film.mp4", "vcodec": "none", "acodec": "aac", "ext": "m4a"},
                ]
            },
            "picture and sound apart",
        ),
        ({"url": "{site}/film.mp4", "is_live": True}, "the video is live"),
        ({"url": "{site}/film.mp4", "live_status": "is_upcoming"}, "not on the air yet"),
    ],
    ids=["list", "empty list", "pieces", "apart", "live", "upcoming"],
)
async def test_what_cannot_be_taken_as_one_file_is_refused_by_name(reader, web, found, reason):
    """Lists, streams in pieces, picture and sound apart, and what is still live."""
    filled = json.loads(json.dumps(found).replace("{site}", web.url("")))
    kind, message, _ = await told(reader, web, **filled)
    assert kind == "Unsupported"
    assert reason in message
    assert [asked.path for asked in web.asked] == ["/watch/x"]


async def test_the_generic_reader_stays_off_behind_other_pages(reader, web):
    """Also when a site's reader hands on to it, with or without its name, or in a list."""
    link = {"_type": "url", "url": web.url("/film.mp4")}
    named = {**link, "ie_key": "Generic"}
    for found in (link, named, {"_type": "playlist", "entries": [link]}, {"_type": "playlist", "entries": [named]}):
        kind, message, _ = await told(reader, web, **found)
        assert kind in {"Unsupported", "DownloadFailed"}
        assert "no reader of its own" in message
    assert {asked.path for asked in web.asked} == {"/watch/x"}


async def test_a_page_does_not_lead_to_addresses_that_are_not_allowed(reader, web):
    """Neither its video, nor what its reader asks for, nor a redirect on the way; the proxy knows why."""
    inner = web.url("/film.mp4", host="127.0.0.2")
    web.answers["/away"] = redirect(inner)
    for found in (
        {"url": inner},
        {"url": web.url("/away")},
        {"url": web.url("/film.mp4"), "fetches": inner},
        {"url": web.url("/film.mp4"), "fetches": web.url("/away")},
        {"url": web.url("/film.mp4"), "fetches": "http://169.254.169.254/latest/meta-data/"},
        {"url": web.url("/film.mp4"), "fetches": "https://[::1]/"},
    ):
        kind, _, _ = await told(reader, web, **found)
        assert kind == "DownloadFailed"
        assert reader.proxy.refusal is not None
    assert {asked.path for asked in web.asked} == {"/watch/x", "/away"}


async def test_a_reader_gets_round_the_proxy_by_no_means_of_python(reader, web, tmp_path):
    """No connections of its own, no names, no sockets of this machine, no other programs."""
    for tried in (
        ["connects", "127.0.0.1", web.port],
        ["connects", "localhost", web.port],
        ["knocks", str(tmp_path / "socket")],
        ["sends", "127.0.0.1", 9],
        ["looks_up", "localhost"],
        ["runs", sys.executable, "-c", "print(1)"],
    ):
        kind, message, _ = await told(reader, web, url=web.url("/film.mp4"), tries=tried)
        assert kind == "DownloadFailed", tried
        assert "PermissionError" in message
    assert (await told(reader, web, url="file:///etc/passwd"))[0] == "Unsupported"
    assert {asked.path for asked in web.asked} == {"/watch/x"}


async def test_the_account_of_the_server_is_not_the_readers(reader, web):
    """Its home and programs are out of reach; plug-ins in its home would have ended the process."""
    said = await told(reader, web, url=web.url("/film.mp4"), environment=["HOME", "PATH", "HTTP_PROXY"])
    home, programs, proxy = said[2].split("|")
    assert "pages" in home
    assert (programs, proxy) == ("", "None")


async def test_a_size_above_the_limit_is_refused_by_its_announcement(reader, web):
    """Before the bytes come."""
    web.answers["/big.mp4"] = answer(b"x" * 1000, length=LIMIT + 1)
    assert (await told(reader, web, url=web.url("/big.mp4")))[0] == "TooLarge"


async def test_failures_of_the_site_are_told(reader, web):
    """Its own words without addresses; those of the network as what they are."""

    async def reset(reader, writer):
        writer.transport.abort()

    async def half(reader, writer):
        writer.write(answer(FILM[:1000], length=len(FILM)))
        await writer.drain()

    web.answers["/busy"] = answer(b"", "503 Busy")
    web.answers["/reset"] = reset
    web.answers["/half"] = half
    for found, reason, is_passing in [
        ({"says": "This video is private: https://127.0.0.1/why"}, "This video is private: (an address)", False),
        ({"breaks": "secret"}, "the site's reader failed (KeyError)", False),
        ({"url": web.url("/gone")}, "the site answered 404", False),
        ({"url": web.url("/busy")}, "the site answered 503", True),
        ({"url": web.url("/reset")}, "the connection to the site broke", True),
        ({"url": web.url("/half")}, "the connection to the site broke", True),
        ({}, "no video was found", False),
    ]:
        kind, message, passes = await told(reader, web, **found)
        assert (kind, passes) == ("DownloadFailed", is_passing), message
        assert reason in message
