"""URLs are compared by where they lead, shown as they were sent, and references on pages are read as browsers do."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calotype.domain.errors import Refused
from calotype.domain.web_address import MAX_ABSOLUTE, absolute, domain_of, normalized

BASE = "https://user:secret@Pages.example:8443/news/today.html?x=1#top"
HOSTS = st.sampled_from(
    [
        "example.com",
        "EXAMPLE.com.",
        "bücher.example",
        "xn--bcher-kva.example",
        "127.0.0.1",
        "[::1]",
        "[2001:DB8::A]",
        "a..b",
    ]
)
TAILS = st.text(st.characters(exclude_characters="#", exclude_categories=["Cs", "Cc", "Z"]), max_size=20)


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("http://example.com", "http://example.com/"),
        ("  http://example.com/ \n", "http://example.com/"),
        ("HTTP://Example.COM:80/A?B#c", "http://example.com/A?B"),
        ("https://example.com:443#top", "https://example.com/"),
        ("https://example.com:80/", "https://example.com:80/"),
        ("http://example.com:/", "http://example.com/"),
        ("http://example.com:0080/", "http://example.com/"),
        ("http://example.com:x/", "http://example.com:x/"),
        ("http://example.com./a", "http://example.com/a"),
        ("http://example.com?", "http://example.com/?"),
        ("http://example.com/a/../b//%7e", "http://example.com/a/../b//%7e"),
        ("http://Ann:Secret@Example.com/", "http://Ann:Secret@example.com/"),
        ("http://a@b@example.com/", "http://a@b@example.com/"),
        ("http://BÜCHER.example/ä", "http://xn--bcher-kva.example/ä"),
        ("http://bücher。example", "http://xn--bcher-kva.example/"),
        ("http://straße.example", "http://xn--strae-oqa.example/"),
        ("http://i\u2764.example/", "http://xn--i-7iq.example/"),
        ("http://[2001:DB8:0::1]:80/", "http://[2001:db8::1]/"),
        ("http://[::ffff:1.2.3.4]/", "http://[::ffff:102:304]/"),
        ("http://my_host-/", "http://my_host-/"),
        ("http://\u2100.example/", "http://\u2100.example/"),
    ],
)
def test_one_form_for_all_that_leads_to_the_same(url, form):
    """Case of scheme and host, the default port, the fragment, a dot at the end and the spelling of a name make no difference."""
    assert normalized(url) == form


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        "/a",
        "ftp://example.com/",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "http:",
        "http://",
        "http:///a",
        "http:example.com",
        "http:\\\\example.com",
        "http://:80/",
        "http://?a",
        "http://#a",
        "http://user@/",
        "http://./",
        "http://\u3002/",
        "http://exa mple.com/",
        "http://a\\@b/",
        "http://[::1/",
        "http://[::1]x/",
        "http://[x]/",
        "http://[]/",
        "http://a]/",
        "http://example.com/\x00",
        "http://example.com/\ud800",
    ],
)
def test_what_is_no_web_address_is_refused(url):
    """Another scheme, no host or what cannot be one, and characters that cannot be stored; by both functions alike."""
    for function in (normalized, domain_of):
        with pytest.raises(Refused):
            function(url)


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://GitHub.com/example/repo", "github.com"),
        ("http://ann:secret@Example.com:8080/", "example.com"),
        ("http://BÜCHER.example/", "bücher.example"),
        ("http://[2001:DB8:0::1]:80/", "[2001:db8:0::1]"),
        ("http://example.com:x/", "example.com"),
    ],
)
def test_the_domain_is_the_host_as_sent(url, domain):
    """In lower case, without port and credentials."""
    assert domain_of(url) == domain


@given(st.text() | st.builds("{}://{}{}".format, st.sampled_from(["http", "HTTPS"]), st.text(), st.text()))
@example("http://\u2100/")
@example("http://\u0130.example/")
@example("http://\u03a3\u03a3/")
def test_the_form_is_final(url):
    """A form is its own form, and whoever has one has a domain; anything else is refused, and in no other way."""
    try:
        form = normalized(url)
    except Refused:
        with pytest.raises(Refused):
            domain_of(url)
        return
    assert normalized(form) == form
    assert domain_of(url)


@given(HOSTS, st.lists(TAILS, min_size=2, max_size=2, unique=True))
def test_paths_and_queries_are_never_merged(host, tails):
    """Two URLs that differ behind the host by more than a fragment have different forms."""
    one, other = (normalized(f"http://{host}/{tail}") for tail in tails)
    assert one != other


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("a b.png", "https://pages.example:8443/news/a%20b.png"),
        ("/ä.png", "https://pages.example:8443/%C3%A4.png"),
        ("/%C3%A4.png", "https://pages.example:8443/%C3%A4.png"),
        ("../../../up.png", "https://pages.example:8443/up.png"),
        ("?q=\u4e00", "https://pages.example:8443/news/today.html?q=%E4%B8%80"),
        ("", "https://pages.example:8443/news/today.html?x=1"),
        ("//CDN.example/a", "https://cdn.example/a"),
        ("\\\\cdn.example\\a", "https://cdn.example/a"),
        ("HTTP://cdn.example:80#x", "http://cdn.example/"),
        (" \n//cdn.exa\nmple/\t", "https://cdn.example/"),
        ("http://ann:secret@cdn.example/", "http://cdn.example/"),
        ("http://bücher.example/?a=\\", "http://xn--bcher-kva.example/?a=%5C"),
        ("a:b", None),
        ("data:image/png;base64,AAAA", None),
        ("javascript:alert(1)", None),
        ("http:a", None),
        ("//", None),
        ("http://host:99999/", None),
        ("http://host:x/", None),
        ("http://[x/", None),
        ("/\ud800", None),
        ("/" + "a" * MAX_ABSOLUTE, None),
        ("x" * 10_000_000, None),
    ],
)
def test_references_are_read_as_browsers_do(reference, url):
    """They start from the page's URL and end as something that can be fetched, or nothing."""
    assert absolute(BASE, reference) == url


def test_without_a_base_only_absolute_references_lead_anywhere():
    """A page whose own URL is nothing to start from can still name others."""
    assert absolute(None, "https://cdn.example/a") == "https://cdn.example/a"
    assert absolute(None, "//cdn.example/a") is None
    assert absolute("about:blank", "a.png") is None


@given(st.text(), st.sampled_from([BASE, "http://[::1]/", "nothing", ""]))
def test_what_is_absolute_can_be_fetched(reference, base):
    """Whatever stands on a page becomes an http(s) URL in printable ASCII, with a host, or nothing."""
    url = absolute(base, reference)
    if url is not None:
        assert url.startswith(("http://", "https://"))
        assert domain_of(url)
        assert set(url) <= set(string.ascii_letters + string.digits + string.punctuation)
        assert absolute(None, url) == url
