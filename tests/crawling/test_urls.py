"""What is refused for the text of a URL alone, and what is sent of the rest."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calotype.crawling.addresses import Allowed
from calotype.crawling.urls import MAX_URL_CHARACTERS, check_url, filename_in, redirected, target_of
from calotype.domain.errors import AddressNotAllowed

REFUSED = [
    "",
    "photo.jpg",
    "/photo.jpg",
    "//host/photo.jpg",
    "example.com/x",
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "file://localhost/etc/passwd",
    "gopher://host:70/_x",
    "ftp://host/x",
    "data:image/png;base64,AAAA",
    "javascript:alert(1)",
    "ws://host/",
    "httpx://host/",
    "unix:///run/docker.sock",
    "http:",
    "http://",
    "http:///x",
    "http:host/x",
    "http:/host/x",
    "http://?x",
    "http://#x",
    "http://:80/",
    "http://user@host/",
    "http://user:secret@host/",
    "http://@host/",
    "http://public.example@127.0.0.1/",
    "http://a@b@c/",
    "http://host:0/",
    "http://host:99999/",
    "http://host:65536/",
    "http://host:x/",
    "http://host:-1/",
    "http://host:80:80/",
    "http://host:\u0668\u0660/",
    "http://ho st/",
    " http://host/",
    "http://host/ ",
    "http://host/a b",
    "http://host/a\r\nX-Header: 1",
    "http://host/a\nb",
    "http://host/a\tb",
    "http://host/\x00",
    "http://host/\x7f",
    "http://host\\@other/",
    "http:\\\\host\\x",
    "http://host/a\\b",
    "http://host/\u00a0",
    "http://host/\u3000",
    "http://host/\u2028",
    "http://host/\ud800",
    "http://\ud800/",
    "http://%31%32%37.0.0.1/",
    "http://127.0.0.1%2f@host/",
    "http://ho%73t/",
    "http://\uff0531.example/",
    "http://127.0.0.1/",
    "https://127.0.0.1:8443/x",
    "http://127.0.0.1./",
    "http://8.8.8.8./",
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://0x7f.1/",
    "http://0X7F.0.0.1/",
    "http://0x7f000001/",
    "http://0x/",
    "http://134744072/",
    "http://256.256.256.256/",
    "http://1.2.3.4.5/",
    "http://example.1/",
    "http://\uff11\uff12\uff17.0.0.1/",
    "http://127\u30020\u30020\u30021/",
    "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/",
    "http://0.0.0.0/",
    "http://0/",
    "http://10.0.0.1/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://255.255.255.255/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:8.8.8.8]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[fd00::1]/",
    "http://[127.0.0.1]/",
    "http://[v1.x]/",
    "http://[]/",
    "http://[::1/",
    "http://::1/",
    "http://[::1]x/",
    "http://x[::1]/",
    "http://a..b/",
    "http://.a/",
    "http://./",
    "http://../",
    "http://a../",
    "http://-a.example/",
    "http://a!b.example/",
    f"http://{'a' * 64}.example/",
    f"http://{'a.' * 127}example/",
    "http://a\u2100b.example/",
    "http://a\u200bb.example/",
    "http://host/" + "x" * MAX_URL_CHARACTERS,
]


@pytest.mark.parametrize("url", REFUSED, ids=ascii)
def test_a_url_is_refused_for_its_text(url):
    """Other schemes, user names, odd or non-public hosts, impossible ports and stray characters are seen without a lookup."""
    with pytest.raises(AddressNotAllowed) as refused:
        check_url(url)

    assert refused.value.message
    assert "secret" not in refused.value.message


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("http://example.com", "http://example.com/"),
        ("HTTPS://Example.COM/X", "https://example.com/X"),
        ("http://example.com./x", "http://example.com/x"),
        ("http://example.com:80/", "http://example.com/"),
        ("http://example.com:/", "http://example.com/"),
        ("https://example.com:80/", "https://example.com:80/"),
        ("https://example.com:8443/a?b#c", "https://example.com:8443/a?b"),
        ("http://example.com?x=1", "http://example.com/?x=1"),
        ("http://example.com/?", "http://example.com/?"),
        ("http://my_host/x", "http://my_host/x"),
        ("http://localhost/x", "http://localhost/x"),  # a name; where it leads is found out when it is fetched
        ("http://8.8.8.8/x", "http://8.8.8.8/x"),
        ("http://[2a00:1450:0:0::1]:81/x", "http://[2a00:1450::1]:81/x"),
        ("http://bücher.example/ö?ä=€", "http://xn--bcher-kva.example/%C3%B6?%C3%A4=%E2%82%AC"),
        ("http://\uff45xample.com/", "http://example.com/"),
        ("http://h/x%2fy%7E/../z?sig=a%2Bb+c%20d&e=%41", "http://h/x%2fy%7E/../z?sig=a%2Bb+c%20d&e=%41"),
        ("http://h/a:b@c/~!$&'()*+,;=", "http://h/a:b@c/~!$&'()*+,;="),
        ('http://h/<"^`{|}>', "http://h/%3C%22%5E%60%7B%7C%7D%3E"),
        ("http://h//x//y", "http://h//x//y"),
        ("http://h/?u=http://127.0.0.1/", "http://h/?u=http://127.0.0.1/"),
    ],
)
def test_what_is_asked_for(url, sent):
    """Host in its looked-up form, no fragment, and everything that was escaped already exactly as it was."""
    assert target_of(url, Allowed()).url == sent


def test_a_user_name_is_named_as_the_fault():
    """Not the host, which may be fine."""
    for url in ("http://user@example.com/", "http://user:secret@example.com/", "http://@example.com/"):
        with pytest.raises(AddressNotAllowed, match="user name or password"):
            check_url(url)


def test_the_longest_url_is_taken():
    """The limit itself is allowed, and counts before anything is escaped."""
    check_url("http://h/" + "ä" * (MAX_URL_CHARACTERS - 9))
    with pytest.raises(AddressNotAllowed, match="longer"):
        check_url("http://h/" + "x" * (MAX_URL_CHARACTERS - 8))


def test_an_allowed_address_may_be_written_out():
    """What the setting names is no fault of a URL; its other spellings and neighbours still are."""
    allowed = Allowed.parse("127.0.0.1,fd00::/16")

    check_url("http://127.0.0.1:9/x", allowed)
    check_url("http://[fd00::1]/x", allowed)
    for url in ("http://127.0.0.2/", "http://127.1/", "http://[::ffff:127.0.0.1]/", "http://u@127.0.0.1/"):
        with pytest.raises(AddressNotAllowed):
            check_url(url, allowed)


PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "http",
                "https",
                "file",
                ":",
                "//",
                "/",
                "@",
                "[",
                "]",
                "%",
                "::1",
                "127.0.0.1",
                "0x7f",
                "1",
                ".",
                "..",
                "?",
                "#",
            ]
        ),
        st.sampled_from(
            ["\\", "\r\n", "xn--", "xn--a", "\uff1a", "\uff0f", "\u2100", "\ud83d", "ß", "\u0663", "e\u0301", "a" * 64]
        ),
        st.text(max_size=5),
    ),
    max_size=12,
).map("".join)


@given(st.one_of(st.text(), PIECES, PIECES.map("http://{}".format)))
@example("http://xn--/")
@example("http://\ud800.example/")
def test_no_text_does_anything_but_pass_or_be_refused(url):
    """Whatever is given as a URL, there is one kind of error; and what passes is sent as harmless ASCII."""
    try:
        target = target_of(url, Allowed())
    except AddressNotAllowed:
        return
    assert target.url.isascii()
    assert not any(character.isspace() or character in '\\<>"' for character in target.url)
    assert target.url.startswith(("http://", "https://"))
    again = target_of(target.url, Allowed())
    assert again == target


@given(PIECES)
def test_no_redirect_does_anything_but_pass_or_be_refused(location):
    """The same holds for what a server calls a location."""
    base = target_of("https://example.com/a/b?c", Allowed())
    try:
        target = redirected(base, location, Allowed())
    except AddressNotAllowed:
        return
    assert target_of(target.url, Allowed()) == target


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("c", "https://example.com/a/c"),
        ("/c?d#e", "https://example.com/c?d"),
        ("../c", "https://example.com/c"),
        ("?d", "https://example.com/a/b?d"),
        ("//other.example/x", "https://other.example/x"),
        ("http://other.example", "http://other.example/"),
    ],
)
def test_redirects_may_be_relative(location, leads_to):
    """A location is read against the URL that was asked for."""
    assert redirected(target_of("https://example.com/a/b?c", Allowed()), location, Allowed()).url == leads_to


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://h/a/photo.jpg?size=1#x", "photo.jpg"),
        ("http://h/a/", None),
        ("http://h", None),
        ("http://h/?file=x.jpg", None),
        ("http://h/caf%C3%A9%20noir.png", "café noir.png"),
        ("http://h/café.png", "café.png"),
        ("http://h/..%2f..%2fetc%2fpasswd", "passwd"),
        ("http://h/a%5Cb.jpg", "b.jpg"),
        ("http://h/%2e%2e", None),
        ("http://h/...", None),
        ("http://h/a%00%0d%0ab.jpg", "ab.jpg"),
        ("http://h/%ff.jpg", ".jpg"),
        ("http://h/%20", None),
        ("http://h/" + "x" * 300, "x" * 255),
    ],
)
def test_a_file_name_is_the_last_segment(url, name):
    """Decoded, without folders and control characters, and never longer than file systems take."""
    assert filename_in(url) == name


@given(st.text())
def test_a_file_name_is_never_a_path(url):
    """Whatever a URL holds, its file name has no separator, no control character, and is not a folder."""
    name = filename_in(f"http://h/{url}")
    assert name is None or not (set(name) & set("/\\\0\r\n") or name in {".", "..", ""} or len(name) > 255)
