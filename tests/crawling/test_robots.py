"""Asking sites for their robots.txt: what each answer means, how long it is kept, and that one question is enough."""

import asyncio
import gzip

import pytest

from calotype.crawling import robots as robots_module
from calotype.crawling.robots import MAX_ROBOTS_BYTES, RobotsRules
from calotype.domain.errors import AddressNotAllowed, DownloadFailed
from tests.crawling.sites import Names, answer, fetching, redirect, site

CLOSED = answer(b"User-agent: *\nDisallow: /closed\n")
FORBIDDEN = "robots.txt of the site forbids it"


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self):
        return self.now


async def forbids(rules, url):
    """Whether a URL is forbidden; any other failure is an error here."""
    try:
        await rules.check(url)
    except DownloadFailed as error:
        if error.message != FORBIDDEN or error.context.get("is_passing"):
            raise
        return True
    return False


async def test_what_a_site_forbids_is_not_visited():
    """Its robots.txt is asked for once, without anything of the URL; everything else may be visited."""
    async with site({"/robots.txt": CLOSED}) as web, fetching() as fetcher:
        rules = RobotsRules(fetcher)
        assert await forbids(rules, web.url("/closed/x?y#z"))
        assert not await forbids(rules, web.url("/open"))
        assert not await forbids(rules, web.url("?closed"))
    assert [asked.line for asked in web.asked] == ["GET /robots.txt HTTP/1.1"]


@pytest.mark.parametrize("status", [204, 206, 300, 400, 401, 403, 404, 410, 451])
async def test_a_site_without_rules_forbids_nothing(status):
    """It has none to show (RFC 9309, section 2.3.1.3), whatever stands in the answer."""
    body = b"" if status == 204 else b"User-agent: *\nDisallow: /"
    async with site({"/robots.txt": answer(body, f"{status} X")}) as web, fetching() as fetcher:
        rules = RobotsRules(fetcher)
        assert await rules.check(web.url()) is None
        assert await rules.check(web.url("/x")) is None
    assert len(web.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 503, 599])
async def test_a_site_in_trouble_forbids_everything_for_a_while(status):
    """The failure may pass, and says why; within a minute the site is not asked again, after it, it is."""
    clock = Clock()
    async with site({"/robots.txt": answer(b"", f"{status} X")}) as web, fetching() as fetcher:
        rules = RobotsRules(fetcher, clock=clock)
        for now in (0.0, 59.0, 61.0):
            clock.now = now
            with pytest.raises(DownloadFailed, match=f"could not be had: the server answered {status}") as failed:
                await rules.check(web.url())
            assert failed.value.context["is_passing"]
        assert len(web.asked) == 2
        web.answers["/robots.txt"] = CLOSED
        clock.now = 200.0
        assert not await forbids(rules, web.url())


async def test_a_site_that_cannot_be_reached_forbids_everything():
    """What may pass is called so; a name that does not exist stays what it is; and no message tells an address."""

    async def half(reader, writer):
        writer.write(answer(b"User-agent: *\nDisallow: /x", length=1000))

    async with site({"/robots.txt": half}) as web, fetching(lookup=Names()) as fetcher:
        rules = RobotsRules(fetcher)
        failures = {}
        for host in ("127.0.0.1", "none.example"):
            with pytest.raises(DownloadFailed, match=r"^robots.txt of the site could not be had: ") as failed:
                await rules.check(web.url(host=host))
            failures[host] = failed.value
    assert "127.0" not in failures["127.0.0.1"].message
    assert failures["127.0.0.1"].context["is_passing"]
    assert "host name could not be found" in failures["none.example"].message
    assert not failures["none.example"].context["is_passing"]


async def test_rules_are_kept_for_an_hour():
    """And no longer; a file that is not there as well."""
    clock = Clock()
    async with site({"/robots.txt": CLOSED}) as web, site() as bare, fetching() as fetcher:
        rules = RobotsRules(fetcher, clock=clock)
        for now in (0.0, 3599.0, 3601.0):
            clock.now = now
            assert await forbids(rules, web.url("/closed"))
            assert not await forbids(rules, bare.url("/closed"))
    assert len(web.asked) == len(bare.asked) == 2


async def test_every_origin_has_rules_of_its_own():
    """Another port and another host are other origins; the spelling of a host makes none."""
    names = Names(one_example=[["127.0.0.1"]], two_example=[["127.0.0.1"]])
    async with site({"/robots.txt": CLOSED}) as web, site() as other, fetching(lookup=names) as fetcher:
        rules = RobotsRules(fetcher)
        assert await forbids(rules, web.url("/closed", host="one.example"))
        assert await forbids(rules, web.url("/closed", host="ONE.example."))
        assert len(web.asked) == 1
        assert await forbids(rules, web.url("/closed", host="two.example"))
        assert len(web.asked) == 2
        assert not await forbids(rules, other.url("/closed", host="one.example"))
    assert [asked.headers["host"] for asked in web.asked] == [f"{name}.example:{web.port}" for name in ("one", "two")]


async def test_redirects_of_the_rules_are_followed():
    """To other hosts, too: what stands there are the rules of the origin asked about. Those without end are no rules."""
    async with site({"/r": CLOSED}) as other, site() as web, fetching() as fetcher:
        web.answers["/robots.txt"] = redirect("/1")
        web.answers |= {f"/{number}": redirect(f"/{number + 1}") for number in range(1, 4)}
        web.answers["/4"] = redirect(other.url("/r"))
        assert await forbids(RobotsRules(fetcher), web.url("/closed"))
        web.answers["/4"] = redirect("/robots.txt")
        assert not await forbids(RobotsRules(fetcher), web.url("/closed"))


async def test_compressed_rules_are_read():
    """Some servers compress everything."""
    packed = answer(gzip.compress(b"User-agent: *\nDisallow: /closed"), "200 OK", "Content-Encoding: gzip")
    async with site({"/robots.txt": packed}) as web, fetching() as fetcher:
        assert await forbids(RobotsRules(fetcher), web.url("/closed"))


async def test_of_a_large_file_the_beginning_counts():
    """The first 500 KiB are read to the last whole line, announced or not; what would follow is not waited for."""
    head = b"User-agent: *\nDisallow: /closed\n"
    filler = b"# " + b"x" * 997 + b"\n"
    text = head + filler * ((MAX_ROBOTS_BYTES - len(head)) // 1000 - 1)
    text += b"#" * (MAX_ROBOTS_BYTES - len(text) - 12) + b"\nDisallow: /open-only-this"

    async def endless(reader, writer):
        writer.write(answer(text + b"\nDisallow: /late\n", length=10**9))
        await reader.read()

    assert text[MAX_ROBOTS_BYTES - 1 : MAX_ROBOTS_BYTES + 1] == b"/o"
    async with site({"/robots.txt": endless}) as web, fetching() as fetcher:
        rules = RobotsRules(fetcher)
        assert await forbids(rules, web.url("/closed"))
        assert not await forbids(rules, web.url("/other"))
        assert not await forbids(rules, web.url("/late"))


async def test_the_delay_a_site_wants_is_given_within_reason():
    """Ten seconds at most; None where it wants none."""
    delays = {b"Crawl-delay: 2": 2.0, b"Crawl-delay: 3600": 10.0, b"Crawl-delay: 0": 0.0, b"Allow: /": None}
    for line, delay in delays.items():
        async with site({"/robots.txt": answer(b"User-agent: *\n" + line)}) as web, fetching() as fetcher:
            assert await RobotsRules(fetcher).check(web.url()) == delay


class Slow:
    """A site that answers once it is let go."""

    def __init__(self):
        self.asked = asyncio.Event()
        self.go = asyncio.Event()
        self.is_gone = asyncio.Event()

    async def __call__(self, reader, writer):
        self.asked.set()
        waiting = [asyncio.ensure_future(self.go.wait()), asyncio.ensure_future(reader.read())]
        done, left = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        if waiting[0] in done:
            writer.write(CLOSED)
        else:
            self.is_gone.set()


async def test_who_asks_at_once_shares_one_question():
    """Twenty ask, the first of them gives up, and the others have their answer from one request."""
    slow = Slow()
    async with site({"/robots.txt": slow}) as web, fetching() as fetcher:
        rules = RobotsRules(fetcher)
        asking = [asyncio.ensure_future(forbids(rules, web.url("/closed"))) for _ in range(20)]
        await slow.asked.wait()
        asking[0].cancel()
        asking[7].cancel()
        await asyncio.wait([asking[0], asking[7]])
        slow.go.set()
        assert await asyncio.gather(*(task for task in asking if not task.cancelled())) == [True] * 18
        assert rules._asking == {}
    assert len(web.asked) == 1


async def test_a_question_nobody_waits_for_ends():
    """Its connection is closed, and who comes later asks anew."""
    slow = Slow()
    async with site({"/robots.txt": slow}) as web, fetching() as fetcher:
        rules = RobotsRules(fetcher)
        asking = [asyncio.ensure_future(rules.check(web.url())) for _ in range(2)]
        await slow.asked.wait()
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)
        assert all(task.cancelled() for task in asking)
        async with asyncio.timeout(20):
            await slow.is_gone.wait()
        slow.go.set()
        assert await forbids(rules, web.url("/closed"))
    assert len(web.asked) == 2


async def test_no_more_than_so_much_is_kept(monkeypatch):
    """Neither of origins nor of rules; the origin that was asked for longest ago gives way."""
    monkeypatch.setattr(robots_module, "_MOST_ORIGINS", 3)
    names = Names(**{f"{name}_example": [["127.0.0.1"]] for name in "abcd"})
    async with site({"/robots.txt": CLOSED}) as web, fetching(lookup=names) as fetcher:

        async def ask(rules, hosts):
            before = len(web.asked)
            for host in hosts:
                assert await forbids(rules, web.url("/closed", host=f"{host}.example"))
            return len(web.asked) - before

        rules = RobotsRules(fetcher)
        assert [await ask(rules, hosts) for hosts in ("abc", "a", "d", "a", "b")] == [3, 0, 1, 0, 1]
        assert len(rules._known) == 3
        one = rules._characters // 3
        assert rules._characters == 3 * one > 0
        monkeypatch.setattr(robots_module, "_MOST_CHARACTERS", 2 * one)
        rules = RobotsRules(fetcher)
        assert [await ask(rules, hosts) for hosts in ("ab", "c", "a")] == [2, 1, 1]
        assert rules._characters == 2 * one
        monkeypatch.setattr(robots_module, "_MOST_CHARACTERS", 1)
        rules = RobotsRules(fetcher)
        assert [await ask(rules, hosts) for hosts in ("aa", "b", "a")] == [1, 1, 1]


async def test_where_nothing_is_fetched_from_nothing_is_asked():
    """The refusal is that of the URL itself, for its text and for where its name leads."""
    async with (
        site({"/robots.txt": CLOSED}) as web,
        fetching(allow="", lookup=Names(host_example=[["127.0.0.1"]])) as fetcher,
    ):
        rules = RobotsRules(fetcher)
        for url in (web.url(), web.url(host="host.example"), "file:///etc/passwd"):
            with pytest.raises(AddressNotAllowed):
                await rules.check(url)
    assert web.connections == 0
