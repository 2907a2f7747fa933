"""What may be crawled, and what comes of sites that answer oddly: section 5 of the Files API, point 30 of the checklist."""

from __future__ import annotations

import socket

import pytest

from tests.contracts.file_links import FILES, NOTHING_KNOWN, crawled, crawls, followed, link, save
from tests.contracts.file_texts import upload_status
from tests.contracts.photos import photo
from tests.contracts.shapes import DELETE, RESTORE, expect, expect_error
from tests.contracts.sites import NETWORK, Site
from tests.running import RunningServer, wait_for


@pytest.fixture(scope="module")
def server_in_a_hurry(tmp_path_factory):
    """A server with a worker that waits three seconds for a page, and asks for no rules, which would take of that time."""
    settings = {
        "CALOTYPE_FETCH_ALLOW": NETWORK,
        "CALOTYPE_FETCH_TIMEOUT": "3",
        "CALOTYPE_CRAWL_PAUSE": "0",
        "CALOTYPE_CRAWL_ROBOTS": "false",
    }
    with RunningServer(tmp_path_factory.mktemp("hurry"), **settings) as running:
        yield running


# ------------------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/pdf", b"%PDF-1.4 nothing more"),
        ("image/png", photo(kind="PNG")),
        ("application/json", b'{"title": "x"}'),
        ("application/octet-stream", bytes(1000)),
        ("text/plain", b"just text"),
    ],
)
def test_what_is_no_page_completes_with_nothing(shelf, site, content_type, body):
    """Metadata is empty, not absent."""
    found = followed(shelf, site.put("/file", body, content_type=content_type))
    assert found["og_metadata"] == NOTHING_KNOWN
    assert (found["extracted_images"], found["extracted_images_count"]) == ({"images": []}, 0)
    assert found["page_title"] is None


def test_a_large_file_is_not_fetched_to_learn_that_it_is_no_page(shelf, site):
    """Its length alone does not make the crawl fail, and an endless one ends at once."""
    found = followed(shelf, site.put("/disc.iso", bytes(30_000_000), content_type="application/octet-stream"))
    assert found["og_metadata"] == NOTHING_KNOWN
    assert followed(shelf, site.endless("/stream", "audio/mpeg"))["page_title"] is None


def test_a_huge_page_comes_to_an_end(shelf, site):
    """However long it goes on, the crawl is over, well or with a reason."""
    text = b"<title>Huge</title>" + b"<p>and on and on and on</p>" * 2_000_000
    made = save(shelf, site.put("/huge", text))["id"]
    found = wait_for(lambda: (one := link(shelf, made))["crawl_status"] in {"completed", "failed"} and one, "no end")
    assert found["page_title"] in {"Huge", None}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418, 429, 500, 503])
def test_an_error_of_the_site_fails_with_its_number(shelf, site, status):
    """The reason names what was answered, nothing is known of the page, and another attempt is possible."""
    found = followed(shelf, site.page("/gone", "x", "<title>Not found</title>", status=status), "failed")
    assert str(status) in found["crawl_error"]
    assert (found["og_metadata"], found["page_title"], found["extracted_images"]) == (None, None, None)
    ((state, error),) = crawls(found)
    assert (state, error) == ("failed", found["crawl_error"])
    assert upload_status(shelf, found["id"])["component_statuses"]["upload_status"] == "completed"


def test_a_site_that_does_not_answer_fails(shelf):
    """A closed port, a name that nobody has, and silence: each with a reason."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for address in (f"http://127.0.0.1:{port}/", "http://nobody-has-this-name.invalid/"):
        assert followed(shelf, address, "failed")["page_title"] is None


# ----------------------------------------------------------------------- redirects


def test_redirects_are_followed(shelf, site):
    """To where the page is; the URL that was saved stays, and relative addresses belong to the page that was found."""
    site.page("/new/page", '<img src="a.png">', '<title>Moved</title><meta property="og:image" content="b.png">')
    site.moved("/second", "../new/page#part", 301)
    address = site.moved("/first", f"{site.base}/second", 307)
    found = followed(shelf, address)
    assert (found["source_url"], found["page_title"]) == (address, "Moved")
    assert found["og_metadata"]["image"] == f"{site.base}/new/b.png"
    assert [one["url"] for one in found["extracted_images"]["images"]] == [f"{site.base}/new/a.png"]


def test_redirects_in_a_circle_come_to_an_end(shelf, site):
    """A page that leads to itself, and one that leads ever further, fail after a few."""
    assert followed(shelf, site.moved("/circle", "/circle"), "failed")["crawl_error"]
    for number in range(60):
        site.moved(f"/far/{number}", f"/far/{number + 1}")
    site.page("/far/60", "x", "<title>Far</title>")
    followed(shelf, f"{site.base}/far/0", "failed")
    assert len(site.requests) < 90


INSIDE = (
    "http://10.0.0.1/",
    "http://192.168.1.1/admin",
    "http://172.16.0.1:8080/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.64.0.1/",
    "http://0.0.0.0/",
    "http://[::1]/",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[64:ff9b::a00:1]/",
    "http://167772161/",  # 10.0.0.1
    "http://0x0a000001/",
    "http://012.0.0.1/",
    "http://10.1/",
)


@pytest.mark.parametrize("address", INSIDE)
def test_nothing_is_fetched_from_inside(shelf, site, address):
    """Private, link-local and reserved addresses, however they are written, fail with a reason; by redirect as well."""
    assert followed(shelf, address, "failed")["crawl_error"]
    found = followed(shelf, site.moved("/inside", address), "failed")
    assert found["og_metadata"] is None


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/", "javascript:alert(1)", "http://", ""]
)
def test_a_redirect_to_no_page_fails(shelf, site, target):
    """Only http and https are followed."""
    followed(shelf, site.moved("/odd", target), "failed")


def test_loopback_is_inside_unless_it_is_allowed(client, site):
    """A server with the usual settings refuses it, by address and by name, and sends nothing there."""
    address = site.page("/", "x", "<title>Secret</title>")
    for where in (address, address.replace(site.host, "localhost"), f"http://2130706433:{site.port}/"):
        found = followed(client, where, "failed")
        assert found["page_title"] is None
    assert site.requests == []


# -------------------------------------------------------------------------- robots


def test_robots_are_asked_first_and_obeyed(shelf, site):
    """What is forbidden is not fetched and fails with a reason; what is allowed is crawled by the same agent."""
    site.robots("User-agent: *\nDisallow: /private\nAllow: /private/open\n")
    site.page("/private/page", "x", "<title>Private</title>")
    found = followed(shelf, f"{site.base}/private/page", "failed")
    assert "robots" in found["crawl_error"].lower()
    assert site.asked("/private/page") == []
    site.page("/private/open", "x", "<title>Open</title>")
    assert followed(shelf, f"{site.base}/private/open")["page_title"] == "Open"
    assert "calotype" in site.asked("/private/open")[0]["user-agent"].lower()
    site.page("/free", "x", "<title>Free</title>")
    followed(shelf, site.moved("/free/first", "/private/page"), "failed")
    assert site.asked("/private/page") == []


def test_rules_for_calotype_itself_count(shelf, site):
    """A group that names the agent is obeyed instead of the one for everybody."""
    site.robots("User-agent: *\nDisallow: /\n\nUser-agent: Calotype\nDisallow: /not-here\n")
    site.page("/here", "x", "<title>Here</title>")
    assert followed(shelf, f"{site.base}/here")["page_title"] == "Here"
    site.page("/not-here", "x", "<title>Hidden</title>")
    followed(shelf, f"{site.base}/not-here", "failed")
    assert site.asked("/not-here") == []


@pytest.mark.parametrize(("status", "crawls_page"), [(404, True), (403, True), (500, False)])
def test_robots_that_cannot_be_read(shelf, site, status, crawls_page):
    """A site without rules allows everything, one that is out of order nothing (RFC 9309)."""
    site.robots("User-agent: *\nDisallow: /\n", status)
    address = site.page("/", "x", "<title>There</title>")
    found = followed(shelf, address, "completed" if crawls_page else "failed")
    assert found["page_title"] == ("There" if crawls_page else None)
    assert bool(site.asked("/")) is crawls_page


def test_the_picture_of_another_site_is_asked_for_by_its_rules(shelf, site):
    """A preview that robots forbid is not fetched."""
    with Site() as other:
        other.robots("User-agent: *\nDisallow: /\n")
        picture = other.put("/p.png", photo(kind="PNG"), content_type="image/png")
        found = followed(shelf, site.page("/", "x", f'<title>T</title><meta property="og:image" content="{picture}">'))
        assert (found["page_title"], found["thumbnail_url"]) == ("T", None)
        assert other.asked("/p.png") == []


# ------------------------------------------------------------------------- time


def test_many_links_to_one_site_are_all_crawled(reader, site):
    """However polite one is to a site, its pages are all crawled in the end."""
    for number in range(12):
        site.page(f"/{number}", "x", f"<title>Page {number}</title>")
    made = [save(reader, f"{site.base}/{number}")["id"] for number in range(12)]
    assert [crawled(reader, one)["page_title"] for one in made] == [f"Page {number}" for number in range(12)]
    assert len(site.asked("/robots.txt")) < 12


def test_a_page_that_never_ends_fails_in_its_time(server_in_a_hurry, site):
    """A server that drips does not hold a crawl for ever, and what is deleted meanwhile is gone; restored it is crawled anew."""
    with server_in_a_hurry.client(server_in_a_hurry.new_key()) as client:
        followed(client, site.endless("/drip"), "failed")
        made = save(client, site.endless("/page"))["id"]
        wait_for(lambda: site.asked("/page"), "nobody asked for the page")
        expect(client.delete(f"{FILES}/{made}"), DELETE)
        expect_error(client.get(f"{FILES}/{made}"), 404, "NOT_FOUND")
        site.page("/page", "x", "<title>Ended</title>")
        expect(client.post(f"{FILES}/{made}/restore"), RESTORE)
        assert crawled(client, made)["page_title"] == "Ended"
