"""What pages say of themselves is found in all the ways they say it."""

from __future__ import annotations

import pytest

from calotype.documents.html_head import language_tag
from calotype.domain.link import OpenGraph
from tests.documents.pages import URL, in_head, read


def test_open_graph_is_read_whole():
    """All six, the image absolute; the title of the page is its own."""
    page = in_head("""<title> The  page\n title </title>
        <meta property="og:title" content="The &quot;title&quot; &amp; more"><meta property="og:description" content="What it is">
        <meta property="og:image" content="/card.png"><meta property="og:site_name" content="Example">
        <meta property="og:type" content="article"><meta property="og:locale" content="de_AT">""")
    assert page.title == "The page title"
    assert page.open_graph == OpenGraph(
        'The "title" & more', "What it is", "https://pages.example/card.png", "Example", "article", "de_AT"
    )


def test_silence_is_none():
    """A page without a head has no title, no canonical URL, no language, and the icon that every site may have."""
    page = read("<p>Only text")
    assert (page.title, page.canonical_url, page.language, page.images) == (None, None, None, ())
    assert page.open_graph == OpenGraph()
    assert page.favicon_url == "https://pages.example/favicon.ico"
    assert page.text == "Only text"


@pytest.mark.parametrize("attribute", ["name", "property"])
def test_twitter_cards_stand_in(attribute):
    """In either attribute, but only for what Open Graph does not say."""
    cards = f"""<meta {attribute}="twitter:title" content="T"><meta {attribute}="Twitter:Description" content="D">
        <meta {attribute}="twitter:image" content="/t.png"><meta name="description" content="M">"""
    assert in_head(cards).open_graph == OpenGraph("T", "D", "https://pages.example/t.png")
    more = (
        cards
        + '<meta name="og:title" content="O"><meta property="og:description" content=" "><meta name=og:image value=/o.png>'
    )
    assert in_head(more).open_graph == OpenGraph("O", "D", "https://pages.example/o.png")


def test_the_description_falls_back_to_that_of_the_page():
    """The title does not: the page's title has a place of its own."""
    page = in_head("<title>T</title><meta name=Description content='For search engines'>")
    assert page.open_graph == OpenGraph(description="For search engines")


@pytest.mark.parametrize(
    ("markup", "image"),
    [
        ("<meta property=og:image:url content=//cdn.example/a.png>", "https://cdn.example/a.png"),
        ("<meta property=og:image:secure_url content=https://cdn.example/a.png>", "https://cdn.example/a.png"),
        (
            """<meta property=og:image:secure_url content=/s.png><meta property=og:image content=/1.png>
            <meta property=og:image content=/2.png>""",
            "https://pages.example/1.png",
        ),
        (
            """<meta property=og:image content='data:image/png;base64,AA'><meta property=og:image content=''>
            <meta property=og:image content='javascript:x'><meta property=og:image content=2.png>""",
            "https://pages.example/news/2.png",
        ),
        ("<meta name=twitter:image:src content=t.png>", "https://pages.example/news/t.png"),
        ("<link rel=image_src href=l.png>", "https://pages.example/news/l.png"),
        ("<meta property=og:image content='/a b.png?x=1&amp;y=2'>", "https://pages.example/a%20b.png?x=1&y=2"),
        ("<meta property='og:image twitter:image' content=/both.png>", "https://pages.example/both.png"),
        ("<meta property=og:image content='data:,'>", None),
    ],
)
def test_the_image_is_the_first_that_could_be_fetched(markup, image):
    """Of several, in all their spellings."""
    assert in_head(markup).open_graph.image == image


def test_relative_urls_start_from_the_base():
    """The first that is one counts, and it may be relative itself; the favicon of last resort stays with the page."""
    page = read("""<base target=_top><base href="javascript:x"><base href="//cdn.example/files/"><base href="/later/">
        <meta property=og:image content=card.png><link rel=canonical href=page><img src=a.png>""")
    assert page.open_graph.image == "https://cdn.example/files/card.png"
    assert page.canonical_url == "https://cdn.example/files/page"
    assert page.images[0].url == "https://cdn.example/files/a.png"
    assert page.favicon_url == "https://pages.example/favicon.ico"


@pytest.mark.parametrize(
    ("markup", "icon"),
    [
        ("<link rel=icon href=/a.png>", "a.png"),
        ("<LINK REL='Shortcut Icon' HREF=' /a.ico '>", "a.ico"),
        ("<link rel=apple-touch-icon href=/apple.png>", "apple.png"),
        ("<link rel=apple-touch-icon-precomposed href=/apple.png>", "apple.png"),
        ("<link rel=apple-touch-icon href=/apple.png sizes=180x180><link rel=icon href=/a.png>", "a.png"),
        (
            "<link rel=icon href=/16.png sizes=16x16><link rel=icon href=/32.png sizes=32x32>",
            "32.png",
        ),
        ("<link rel=icon href=/16.png sizes=16x16><link rel=icon href=/24.png sizes=24x24>", "24.png"),
        (
            "<link rel=icon href=/512.png sizes=512x512><link rel=icon href=/a.svg type=image/svg+xml sizes=any>",
            "a.svg",
        ),
        ("<link rel=icon href=/512.png sizes=512x512><link rel=icon href=/16.png sizes=16X16>", "512.png"),
        ("<link rel=icon href=/many.ico sizes='16x16 32x32 48x48'><link rel=icon href=/x.png sizes=64x64>", "many.ico"),
        ("<link rel=icon href=/odd.png sizes=huge><link rel=icon href=/16.png sizes=16x16>", "odd.png"),
        ("<link rel=icon href=/d.png media='(prefers-color-scheme: dark)'><link rel=icon href=/l.png>", "l.png"),
        ("<link rel=icon href='data:image/png;base64,AA'><link rel=icon href=''><link rel=icon>", "favicon.ico"),
        ("<link rel=mask-icon href=/mask.svg color=red><link rel=stylesheet href=/icon>", "favicon.ico"),
    ],
)
def test_the_icon_suits_a_list(markup, icon):
    """Real icons before those for home screens, and of several sizes the smallest that is large enough."""
    assert in_head(markup).favicon_url == f"https://pages.example/{icon}"


@pytest.mark.parametrize(
    ("markup", "url"),
    [
        ("<link rel=canonical href=/a?b=1#c>", "https://pages.example/a?b=1"),
        ("<link rel='nofollow Canonical' href=https://Other.example>", "https://other.example/"),
        (
            "<link rel=canonical href=''><link rel=canonical href=ftp://x/><link rel=canonical href=b>",
            "https://pages.example/news/b",
        ),
        ("<meta property=og:url content=/og>", "https://pages.example/og"),
        ("<meta property=og:url content=/og><link rel=canonical href=/a>", "https://pages.example/a"),
        ("<link rel=alternate href=/a>", None),
    ],
)
def test_the_canonical_url_is_absolute(markup, url):
    """Relative or on another host; Open Graph's stands in."""
    assert in_head(markup).canonical_url == url


@pytest.mark.parametrize(
    ("markup", "language"),
    [
        ("<html lang=DE-at>", "de-AT"),
        ("<html xml:lang=zh-hant-tw>", "zh-Hant-TW"),
        ("<html lang='x y'><meta http-equiv=Content-Language content='fr, en'>", "fr"),
        ("<html lang=''><meta property=og:locale content=pt_BR>", "pt-BR"),
        ("<html lang=und><meta name=language content=German>", None),
    ],
)
def test_the_language_is_a_tag(markup, language):
    """Of the element, the pragma or Open Graph, in this order."""
    assert read(f"{markup}<p>Text").language == language


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("en", "en"),
        ("en_US.UTF-8", "en-US"),
        ("sr-latn", "sr-Latn"),
        ("es-419", "es-419"),
        ("english", None),
        ("e", None),
        ("", None),
    ],
)
def test_tags_have_one_spelling(text, tag):
    """As the registry writes them; names of languages are none."""
    assert language_tag(text) == tag


def test_titles_of_drawings_are_not_the_pages():
    """An SVG in the page may have its own; of real ones, the first that says something counts."""
    assert read("<body><svg><title>Logo</title></svg><title> </title><title>Page</title>").title == "Page"


def test_all_is_one_line_without_control_characters_and_capped():
    """Whatever the page puts into it."""
    page = in_head(
        f"<title>a\x00b\x01\x9f\nc&#0;&#7;\u2028d{'e' * 2000}</title><meta property=og:description content='{'x ' * 9000}'>"
        f"<meta property=og:type content='{'y' * 500}'><meta property=og:image content='/{'z' * 2048}'>"
        f"<link rel=canonical href='/{'z' * 3000}'><link rel=icon href='/{'z' * 3000}'>"
    )
    assert page.title
    assert page.title.startswith("ab c\ufffd deee")
    assert len(page.title) == 1000
    assert page.open_graph.description
    assert len(page.open_graph.description) == 4999  # the last is a space
    assert page.open_graph.type == "y" * 100
    assert page.open_graph.image is None
    assert page.canonical_url is None
    assert page.favicon_url == "https://pages.example/favicon.ico"


def test_a_page_whose_url_is_nothing_is_read_all_the_same():
    """Its relative URLs lead nowhere."""
    page = read("<title>T</title><img src=a.png><img src=http://cdn.example/b.png>", url="about:blank")
    assert page.title == "T"
    assert [image.url for image in page.images] == ["http://cdn.example/b.png"]
    assert page.favicon_url is None
    assert URL.startswith("https:")
