"""Reading robots.txt: what is meant for us, what that allows, and that no file takes long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protego import Protego

from calotype.crawling.robots_text import read_robots

SITE = "https://host.example"


def allows(text, path, agent="Calotype"):
    """Whether a file allows a path."""
    data = text if isinstance(text, bytes) else text.encode()
    return read_robots(data, agent).allows(SITE + path)


@pytest.mark.parametrize(
    ("text", "path", "is_allowed"),
    [
        ("", "/", True),
        ("User-agent: *\nDisallow:", "/", True),
        ("User-agent: *\nDisallow: /", "/", False),
        ("User-agent: *\nDisallow: /a", "/b", True),
        ("User-agent: *\nDisallow: /a", "/ab", False),
        ("User-agent: *\nDisallow: /a/\nAllow: /a/b", "/a/b/c", True),
        ("User-agent: *\nAllow: /a\nDisallow: /a", "/a", True),
        ("User-agent: *\nDisallow: /*.pdf$", "/x/y.pdf", False),
        ("User-agent: *\nDisallow: /*.pdf$", "/x/y.pdf?page=1", True),
        ("User-agent: *\nDisallow: /*?q=", "/find?q=x", False),
        ("User-agent: *\nDisallow: /caf\u00e9", "/caf%C3%A9", False),
        ("User-agent: *\nDisallow: /%61", "/a", False),
        ("User-agent: *\nDisallow: /a%2Fb", "/a/b", True),
        ("User-agent: *\nDisallow: /", "/robots.txt", True),
        ("User-agent: Calotype\nDisallow: /a\n\nUser-agent: *\nDisallow: /", "/b", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: CALOTYPE\nDisallow: /a", "/a", False),
        ("User-agent: Calotype/1.0\nDisallow: /", "/", False),
        ("User-agent: Calotype-Images\nDisallow: /", "/", True),
        ("User-agent: Calo\nDisallow: /", "/", True),
        ("User-agent: other\nUser-agent: calotype\nDisallow: /", "/", False),
        ("User-agent: other\nDisallow: /", "/", True),
        (
            "User-agent: calotype\nDisallow: /a\nUser-agent: other\nDisallow: /b\nUser-agent: calotype\nDisallow: /c",
            "/c",
            False,
        ),
        ("User-agent: calotype\nDisallow: /a\nUser-agent: other\nDisallow: /b", "/b", True),
        ("Disallow: /", "/", True),
        ("\ufeffUser-agent: *\nDisallow: /", "/", False),
        ("user-agent : *\r\ndisallow : /a # not this\r\n", "/a", False),
        ("User-agent: *\rDisallow: /", "/", False),
        ("User-agent *\nDissallow /", "/", False),
        ("User-agent: *\nSitemap: https://host.example/x.xml\nDisallow: /", "/", False),
        ("User-agent: other\nSitemap: /x\nUser-agent: *\nDisallow: /", "/", False),
        ("<!doctype html><title>Not found</title><p>User-agent: *\nDisallow: /", "/", True),
        (b"\x00\xff\xfe\nUser-agent: *\nDisallow: /\xff", "/", True),
    ],
)
def test_a_path_is_allowed_or_not(text, path, is_allowed):
    """By the longest rule of the groups that name us, or of those for anybody where none does."""
    assert allows(text, path) is is_allowed


def test_the_delay_is_that_of_our_group():
    """Of nobody else's; what is no number of seconds is none."""
    delays = {
        "User-agent: *\nCrawl-delay: 2.5": 2.5,
        "User-agent: other\nCrawl-delay: 7\nUser-agent: *\nDisallow: /a": None,
        "User-agent: calotype\nDisallow: /a\nUser-agent: *\nCrawl-delay: 3": None,
        "User-agent: *\nCrawl-delay: -1": None,
        "User-agent: *\nCrawl-delay: nan": None,
        "User-agent: *\nCrawl-delay: 1e999": None,
        "": None,
    }
    assert {text: read_robots(text.encode(), "Calotype").crawl_delay for text in delays} == delays


AGENTS = st.sampled_from(["*", "Calotype", "calotype", "other", "third"])
PATHS = st.text("ab/*$%2?.", max_size=6).map("/".__add__)
RULES = st.tuples(st.sampled_from(["Disallow", "Allow"]), PATHS).map(": ".join)
GROUPS = st.tuples(
    st.lists(AGENTS.map("User-agent: ".__add__), min_size=1, max_size=3), st.lists(RULES, min_size=1, max_size=4)
)


@given(st.lists(GROUPS, max_size=4), PATHS)
def test_dropping_what_others_are_told_changes_nothing(groups, path):
    """What is left allows what the whole file does."""
    text = "\n".join(line for agents, rules in groups for line in (*agents, *rules))
    url = SITE + path.replace("%", "%25")
    assert read_robots(text.encode(), "Calotype").allows(url) is Protego.parse(text).can_fetch(url, "Calotype")


WORDS = st.sampled_from(
    [
        "user-agent",
        "User Agent",
        "useragent",
        "user  agent",
        ":",
        " ",
        "\t",
        "*",
        "calotype",
        "/",
        "disallow",
        "\n",
        "\x0b",
        "#",
    ]
)


@given(st.lists(WORDS, max_size=40).map("".join) | st.text(max_size=200), PATHS)
def test_whatever_a_file_says_its_rules_are_kept_once(text, path):
    """No spelling of an agent's line reaches the library but the one that is put there; any text can be asked."""
    read = read_robots(text.encode("utf-8", "replace"), "Calotype")
    assert read.rules is None or len(read.rules._user_agents) == 1
    assert read.allows(SITE + path) in {True, False}
    assert read.size <= len(text) + 20


@pytest.mark.parametrize("count", [500, 5000])
def test_many_agents_with_many_rules_are_read_once(count):
    """The work grows with the file, not with agents times rules: the same number of rules is kept for any number of agents."""
    agents = [f"User-agent: a{number}" for number in range(count)]
    rules = [f"Disallow: /{number}" for number in range(100)]
    read = read_robots("\n".join([*agents, "User-agent: *", *agents, *rules]).encode(), "Calotype")
    assert read.rules is not None
    assert [len(group._rules) for group in read.rules._user_agents.values()] == [100]
    assert not read.allows(f"{SITE}/99")
