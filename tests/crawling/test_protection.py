"""What lies inside the network stays out of reach of pages, pictures and rules, whatever URLs, names and redirects say.

A server inside, the trap, counts who comes; the door is a server outside, whose address is the only one allowed here.
"""

import asyncio
import socket
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from calotype.crawling.addresses import Allowed, special_networks, why_not_public
from calotype.crawling.fetcher import Fetcher
from calotype.crawling.robots import RobotsRules
from calotype.crawling.urls import check_url, target_of
from calotype.domain.errors import AddressNotAllowed, DownloadFailed
from tests.crawling.sites import Names, Site, answer, fetching, redirect, site

DOOR, INSIDE = "127.0.0.2", "127.0.0.1"
SECRET = b"secret of the inside"


async def page(fetcher, url):
    """As the page of a link is fetched: unpacked, with the leave of each site on the way."""
    async with fetcher.fetch(url, limit=10**6, unpacks=True, permit=RobotsRules(fetcher).check) as found:
        return b"".join([chunk async for chunk in found.chunks])


async def picture(fetcher, url):
    """As the picture that stands for a page is fetched, whose URL the page names."""
    async with fetcher.fetch(url, limit=10**6) as found:
        return b"".join([chunk async for chunk in found.chunks])


async def rules(fetcher, url):
    """As a site is asked for what it forbids."""
    await RobotsRules(fetcher).check(url)


async def beginning(fetcher, url):
    """As robots.txt is read."""
    return (await fetcher.beginning(url, limit=10**6)).body


WAYS = [page, picture, rules, beginning]


@dataclass
class Stage:
    """The door, the trap at one port of all this machine's loopback addresses, and a fetcher that may only go to the door."""

    door: Site
    trap: Site
    names: Names
    fetcher: Fetcher

    async def refused(self, way, url):
        """That a way refuses a URL, and says nothing of the inside."""
        url = url.format(port=self.trap.port)
        with pytest.raises(AddressNotAllowed) as refused:
            await way(self.fetcher, url)
        assert not any(text in refused.value.message for text in ("127.0", "10.0", "::1", "169.254", "secret")), url


@asynccontextmanager
async def staged(**names):
    """A stage; nobody has come to its trap at the end."""
    trap = Site(dict.fromkeys(["/", "/x", "/robots.txt", "/latest/meta-data/"], answer(SECRET)))
    listening = await asyncio.start_server(trap.serve, INSIDE, 0)
    trap.port = listening.sockets[0].getsockname()[1]
    servers = [listening]
    for address in ("::1", "127.0.0.3"):
        with suppress(OSError):  # not every machine has IPv6
            servers.append(await asyncio.start_server(trap.serve, address, trap.port))
    lookup = Names(**names)
    async with site(address=DOOR) as door, fetching(DOOR, lookup=lookup) as fetcher:
        yield Stage(door, trap, lookup, fetcher)
    for server in servers:
        server.close()
    assert trap.connections == 0


SPELLINGS = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.0.0.3",
    "127.1",
    "127.0.1",
    "2130706433",
    "2130706433.",
    "0x7f000001",
    "0X7F000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0177.0.0.1",
    "0177.1",
    "017700000001",
    "00000177.0.0.1",
    "127.0.0.01",
    "127.000.000.001",
    "127.0.0.0x1",
    "4294967296",
    "6425673729",
    "127.0.0.257",
    "0",
    "0.0.0.0",
    "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
    "127\u30020\u30020\u30021",
    "127\uff0e0\uff0e0\uff0e1",
    "127\uff610\uff610\uff611",
    "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
    "\U0001d7cf\U0001d7d0\U0001d7d5.0.0.1",
    "\u0661\u0662\u0667.0.0.1",
    "127.0.0.1\u00ad",
    "%31%32%37.0.0.1",
    "127%2e0%2e0%2e1",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7F00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2002:7f00:0001::1]",
    "[2001:0:7f00:1::]",
    "[2001::80ff:fffe]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fe80::1%lo]",
    "[::1%25lo]",
    "[::1%251]",
    "[fe80::5efe:127.0.0.1]",
    "[fec0::1]",
    "[fd00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[::1]\u3002",
    "::1",
    "[127.0.0.1]",
    "[[::1]]",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "255.255.255.255",
]


@pytest.mark.parametrize("way", WAYS)
async def test_no_spelling_of_an_inner_address_is_asked_for(way):
    """Nothing is looked up for one, either: what looks like an address is one, or refused."""
    async with staged() as stage:
        for host in SPELLINGS:
            await stage.refused(way, f"http://{host}:{{port}}/x")
            await stage.refused(way, f"https://{host}/")
        assert stage.names.asked == []


@pytest.mark.parametrize("way", WAYS)
async def test_only_http_is_spoken_and_nobody_is_introduced(way):
    """Other schemes, user names and passwords, and ports that are none are refused for the text alone."""
    urls = [
        *[
            "file:///etc/passwd",
            "FILE://127.0.0.1/etc/passwd",
            "gopher://127.0.0.1:{port}/_GET%20/%20HTTP/1.0",
            "ftp://127.0.0.1:{port}/x",
            "sftp://127.0.0.1/x",
            "dict://127.0.0.1:{port}/d:x",
            "ldap://127.0.0.1:{port}/",
            "tftp://127.0.0.1:{port}/x",
            "data:text/html,<p>secret</p>",
            "javascript:alert(1)",
            "jar:http://127.0.0.1:{port}!/x",
            "view-source:http://127.0.0.1:{port}/",
            "blob:http://127.0.0.1:{port}/x",
            "about:blank",
            "ws://127.0.0.1:{port}/",
            "http+unix://%2Fvar%2Frun%2Fdocker.sock/x",
            "//127.0.0.1:{port}/",
            "127.0.0.1:{port}/",
        ],
        *[
            f"http://{authority}/"
            for authority in (
                "user:password@127.0.0.1:{port}",
                "user@127.0.0.1:{port}",
                f"{DOOR}@127.0.0.1:{{port}}",
                f"{DOOR}:80@127.0.0.1:{{port}}",
                f"127.0.0.1:{{port}}@{DOOR}",
                f"127.0.0.1:{{port}}\\@{DOOR}",
                f"127.0.0.1:{{port}}#@{DOOR}",
                f"127.0.0.1:{{port}}?@{DOOR}",
                f"{DOOR}%00.127.0.0.1:{{port}}",
                f"{DOOR}\t127.0.0.1",
                f"{DOOR}:0",
                f"{DOOR}:65536",
                f"{DOOR}:{{port}}:{{port}}",
                f"{DOOR}: 80",
                f"{DOOR}:+80",
                f"{DOOR}:\uff18\uff10",
            )
        ],
    ]
    async with staged() as stage:
        for url in urls:
            await stage.refused(way, url)
        assert stage.names.asked == []
        assert stage.door.connections == 0


NAMES = {
    "loopback": [INSIDE],
    "loopback6": ["::1"],
    "unspecified": ["0.0.0.0"],
    "unspecified6": ["::"],
    "mapped": ["::ffff:127.0.0.1"],
    "compatible": ["::127.0.0.1"],
    "translated": ["::ffff:0:127.0.0.1"],
    "nat64": ["64:ff9b::7f00:1"],
    "sixtofour": ["2002:7f00:1::"],
    "teredo": ["2001:0:4136:e378:8000:63bf:80ff:fffe"],
    "zone": ["fe80::1%lo"],
    "zoned": ["2a00:1450::1%1"],
    "zoneless": ["fe80::1"],
    "site": ["fec0::1"],
    "unique": ["fd00::1"],
    "private": ["192.168.1.1"],
    "shared": ["100.64.0.1"],
    "metadata": ["169.254.169.254"],
    "azure": ["168.63.129.16"],
    "broadcast": ["255.255.255.255"],
    "half": ["93.184.216.34", INSIDE],
    "door": [DOOR, INSIDE],
}


@pytest.mark.parametrize("way", WAYS)
async def test_no_name_leads_inside(way):
    """Whatever a name server answers, also beside an address that is allowed, and however the name is spelled."""
    known = {f"{name}_example": [addresses] for name, addresses in NAMES.items()}
    local = {"localhost": [[INSIDE, "::1"]], "localhost_localdomain": [[INSIDE]], "x_localhost": [[INSIDE]]}
    async with staged(**known, **local) as stage:
        hosts = [f"{name}.example" for name in NAMES]
        hosts += ["localhost", "localhost.", "LOCALHOST", "LocalHost.", "localhost.localdomain", "x.localhost"]
        hosts += ["\uff4cocalhost", "\u24dbocalhost", "loopback\u3002example"]
        hosts += ["Loopback.Example.", "loopback\uff0eexample"]
        for host in hosts:
            await stage.refused(way, f"http://{host}:{{port}}/x")
        assert set(stage.names.asked) == {name.replace("_", ".") for name in (*known, *local)}
        assert stage.door.connections == 0


@pytest.mark.parametrize("way", WAYS)
async def test_no_redirect_leads_inside(way):
    """With every status, absolute and without a scheme, by address and by name; the door alone is asked, once each."""
    statuses = ("301 X", "302 X", "303 X", "307 X", "308 X")
    inner = {"inner_example": [[INSIDE]], "mapped_example": [["::ffff:127.0.0.1"]], "localhost": [[INSIDE, "::1"]]}
    hosts = [*SPELLINGS, "inner.example", "mapped.example", "localhost", "localhost."]
    locations = [f"http://{host}:{{port}}/x" for host in hosts] + [f"//{host}:{{port}}/x" for host in hosts]
    locations += ["file:///etc/passwd", "gopher://127.0.0.1:{port}/_x", "ftp://127.0.0.1/x", "data:text/html,secret"]
    locations += ["javascript:alert(1)", "dict://127.0.0.1:{port}/x", "http://a:b@127.0.0.1:{port}/", "//a@127.0.0.1/"]
    async with staged(**inner) as stage:
        for number, location in enumerate(locations):
            # As servers send it, and as readers take a header: its bytes are the UTF-8 of the text.
            sent = location.format(port=stage.trap.port).encode().decode("latin-1")
            target = redirect(sent, statuses[number % len(statuses)])
            stage.door.answers.update(dict.fromkeys(["/", "/robots.txt"], target))
            if way is page:
                stage.door.answers["/robots.txt"] = answer(b"", "404 Not Found")
            await stage.refused(way, stage.door.url("/", host=DOOR))
        expected = len(locations) * (2 if way is page else 1)
        assert len(stage.door.asked) == expected


async def test_a_site_whose_rules_lie_inside_is_not_visited():
    """The page itself would be allowed; nothing of it is asked for."""
    async with staged() as stage:
        stage.door.answers |= {
            "/": answer(b"page"),
            "/robots.txt": redirect(f"http://{INSIDE}:{stage.trap.port}/robots.txt"),
        }
        await stage.refused(page, stage.door.url("/", host=DOOR))
        assert [asked.path for asked in stage.door.asked] == ["/robots.txt"]


async def test_a_name_may_change_between_any_two_steps():
    """Rules, page and each redirect are looked up on their own; the step at which the name has turned inwards is refused."""
    for turns_at in range(6):
        async with staged(turning_example=[[DOOR]] * turns_at + [[INSIDE]]) as stage:
            hops = {"/": "/1", "/1": "/2", "/2": "/3"}
            stage.door.answers.update({path: redirect(to) for path, to in hops.items()} | {"/3": answer(b"page")})
            url = stage.door.url("/", host="turning.example")
            if turns_at < 5:
                await stage.refused(page, url)
            else:
                assert await page(stage.fetcher, url) == b"page"
            assert stage.names.asked == ["turning.example"] * min(turns_at + 1, 5)
            paths = [asked.path for asked in stage.door.asked]
            assert paths == ["/robots.txt", "/", "/1", "/2", "/3"][:turns_at]


async def test_a_name_that_answers_differently_each_time_never_leads_inside():
    """Of many fetches at once each goes to what was checked for it, or nowhere; the door is asked as often as they succeed."""
    turning = [[DOOR], [INSIDE], [DOOR, INSIDE], [DOOR], ["::1"], ["::ffff:127.0.0.2"], [DOOR, "10.0.0.1"]] * 20
    async with staged(turning_example=turning) as stage:
        stage.door.answers["/"] = answer(b"page")
        url = stage.door.url("/", host="turning.example")
        done = await asyncio.gather(*(picture(stage.fetcher, url) for _ in range(140)), return_exceptions=True)
        assert sum(result == b"page" for result in done) == len(stage.door.asked) == 40
        assert sum(isinstance(result, AddressNotAllowed) for result in done) == 100


async def test_where_a_redirect_leads_the_rules_are_those_of_the_new_site():
    """A site's leave is no leave for another; what forbids is not visited."""
    closed = {
        "/robots.txt": answer(b"User-agent: *\nDisallow: /closed"),
        "/closed": answer(b"page"),
        "/open": answer(b"page"),
    }
    async with staged() as stage, site(closed, DOOR) as other:
        for path in ("/closed", "/open"):
            stage.door.answers[path] = redirect(other.url(path, host=DOOR))
        assert await page(stage.fetcher, stage.door.url("/open", host=DOOR)) == b"page"
        with pytest.raises(DownloadFailed, match="forbids"):
            await page(stage.fetcher, stage.door.url("/closed", host=DOOR))
        assert [asked.path for asked in other.asked] == ["/robots.txt", "/open", "/robots.txt"]


async def test_headers_that_browsers_follow_are_not_followed():
    """Nor is anything sent to a proxy that a site names, or kept for the next one."""
    async with staged() as stage:
        inner = f"http://{INSIDE}:{stage.trap.port}/x"
        stage.door.answers["/"] = answer(
            f'<meta http-equiv="refresh" content="0;url={inner}"><base href="{inner}"><img src="{inner}">'.encode(),
            "200 OK",
            f"Refresh: 0;url={inner}",
            f"Location: {inner}",
            f"Content-Location: {inner}",
            f"Link: <{inner}>; rel=preload",
            f'Alt-Svc: h2="{INSIDE}:{stage.trap.port}"',
        )
        assert b"refresh" in await page(stage.fetcher, stage.door.url("/", host=DOOR))


SPECIAL_V4 = [network for network, _ in special_networks() if network.version == 4]
INNER = st.sampled_from(SPECIAL_V4).flatmap(
    lambda network: st.integers(int(network.network_address), int(network.broadcast_address))
)
DIGITS = st.sampled_from(["0123456789", "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19"])
NUMBERS = st.sampled_from(["{:d}", "0{:o}", "0x{:x}", "0X{:X}", "00{:o}", "0x000{:x}"])


@st.composite
def spellings_v4(draw):
    """An inner address as some system somewhere reads it: in one to four numbers of any base, in digits and dots of any kind."""
    value, count = draw(INNER), draw(st.integers(1, 4))
    parts = [(value >> 8 * (3 - index)) & 255 for index in range(count - 1)]
    parts.append(value & (1 << 8 * (5 - count)) - 1)
    dot = draw(st.sampled_from([".", "\u3002", "\uff0e", "\uff61"]))
    text = dot.join(draw(NUMBERS).format(part) for part in parts) + draw(st.sampled_from(["", "."]))
    digits = draw(DIGITS)
    return "".join(digits[int(sign)] if sign in "0123456789" else sign for sign in text)


@st.composite
def spellings_v6(draw):
    """An inner IPv4 address in each of the forms that IPv6 wraps it in, written long or short."""
    value = draw(INNER)
    prefix = draw(
        st.sampled_from(
            ["::ffff:0:0", "::", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::", "2002::", "2001::", "fe80::5efe:0:0"]
        )
    )
    shift = 80 if prefix == "2002::" else 0
    address = IPv6Address(int(IPv6Address(prefix)) | (value ^ (0xFFFFFFFF if prefix == "2001::" else 0)) << shift)
    dotted = f"{address.exploded[:29]}:{IPv4Address(int(address) & 0xFFFFFFFF)}"
    text = draw(st.sampled_from([str(address), address.exploded, str(address).upper(), dotted]))
    return f"[{text}{draw(st.sampled_from(['', '%25lo', '%1']))}]"


@given(
    spellings_v4() | spellings_v6(),
    st.sampled_from(["http", "https", "HTTP"]),
    st.sampled_from(["", ":80", ":", ":8443"]),
)
@example("2852039166", "http", "")
def test_no_way_to_write_an_inner_address_is_taken(host, scheme, port):
    """None of them is a fine name, either."""
    with pytest.raises(AddressNotAllowed):
        check_url(f"{scheme}://{host}{port}/x")


@given(
    st.text("0123456789abcdefxX.:[]%@/\\#?lo\u3002\uff11\u2460", max_size=24),
    st.sampled_from(["", "8.8.8.8", "127.0.0.1", "[::1]"]),
    st.sampled_from(["", "/", "?", "#", "@", "\\"]),
    st.sampled_from(["", "8.8.8.8", "127.0.0.1", "[::1]"]),
)
def test_what_is_sent_names_no_inner_address_to_any_reader(text, first, sign, second):
    """Whatever stood in place of the host: it is a name, or a public address, to every library that reads it."""
    with suppress(AddressNotAllowed):
        sent = target_of(f"http://{first}{text}{sign}{second}", Allowed()).url
        for host in (urlsplit(sent).hostname, URL(sent, encoded=True).host, httpx.URL(sent).host):
            with suppress(OSError):
                assert why_not_public(IPv4Address(socket.inet_aton(host))) is None
            with suppress(AddressValueError):
                assert why_not_public(IPv6Address(host)) is None
