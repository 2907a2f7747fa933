"""Markup becomes a tree quickly, however it is written."""

from __future__ import annotations

import pytest

from calotype.documents.html_tree import MAX_BYTES, parse_html
from tests.documents.pages import read

DEEP = 100_000


@pytest.mark.parametrize(
    ("tag", "depth"), [("div", DEEP), ("b", 3000), ("span", 3000), ("table", 3000), ("ul", 3000), ("section", 3000)]
)
def test_what_is_nested_too_deeply_is_all_there(tag, depth):
    """Text inside of a hundred thousand elements, and what follows them."""
    root = parse_html(f"<title>T</title>{f'<{tag}>' * depth}inside{f'</{tag}>' * depth}<p id=after>after</p>")
    assert root is not None
    text = "".join(root.itertext())
    assert "inside" in text
    assert text.endswith("after")


def test_the_nesting_ends_where_it_ends():
    """What stands behind deep elements does not hang in them, and void elements and upper case do not confuse the count."""
    root = parse_html(f"<body><main>{'<DIV><br><img src=a>' * 500}x{'</Div>' * 500}</main><p>after</p></body>")
    assert root is not None
    paragraph = next(root.iter("p"))
    assert [each.tag for each in paragraph.iterancestors()] == ["body", "html"]
    assert sum(1 for _ in root.iter("img")) == 500


@pytest.mark.parametrize("quoted", ["", "z='>' ", 'z=">" ', "z=a>b<p "])
def test_a_tag_with_very_many_attributes_keeps_the_first(quoted):
    """The parser would need minutes for a hundred thousand; pictures written into attributes stay."""
    many = " ".join(f"a{number}=1" for number in range(DEEP))
    root = parse_html(f"<p id=x {quoted}{many}>text</p><img src='data:{'A' * 100_000}' alt=picture>")
    assert root is not None
    assert "text" in "".join(root.itertext())
    assert next(root.iter("img")).get("alt") == "picture"


def test_entities_of_a_document_type_are_not_expanded():
    """Nothing is read from a disk or the network, and nothing grows."""
    page = read("""<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/hostname"><!ENTITY a "ha"><!ENTITY b "&a;&a;">
        <!ENTITY % remote SYSTEM "http://127.0.0.1:9/x.dtd"> %remote;]><title>T</title><p>one &x; two &b; three &eacute;</p>""")
    assert page.title == "T"
    assert page.text.endswith("one &x; two &b; three é")


def test_xhtml_is_read_with_its_entities_and_empty_elements():
    """An empty script ends where it is, as in XML, and does not swallow the page."""
    page = read("""<?xml version="1.0" encoding="utf-8"?>
        <!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
        <html xmlns="http://www.w3.org/1999/xhtml" xml:lang="de"><head><script src="a.js" type='x' />
        <style media="a"/><title>Gr&ouml;&szlig;e</title>
        <meta property="og:title" content="&quot;&#x4e00;" /></head>
        <body><div class="clear"/><p>A&nbsp;b<br/>c</p></body></html>""")
    assert (page.title, page.open_graph.title, page.language) == ("Größe", '"\u4e00', "de")
    assert page.text == "A b\nc"


@pytest.mark.parametrize("markup", ["", " \n", "<!-- only a comment", "<!DOCTYPE html>", "\0\0"])
def test_nothing_is_nothing(markup):
    """No markup and no text make a page without title, text and images."""
    page = read(markup)
    assert (page.title, page.text, page.images) == (None, "", ())


@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "<a",
        "<a ",
        "<a='",
        '<a href="',
        "<!--",
        "<![CDATA[",
        "&",
        "&amp;",
        "<p a=",
        "<p =",
        "</p>",
        "<?xml ",
        "<script '",
        "<svg>",
    ],
)
@pytest.mark.parametrize("start", ["", '<?xml version="1.0"?>'])
def test_repeated_pieces_of_markup_do_not_take_long(piece, start):
    """Whatever is begun a hundred thousand times and never ended is read once."""
    read(start + piece * 100_000)


def test_a_page_is_read_as_far_as_the_parser_can():
    """A text longer than it takes at once is cut, rather than lost."""
    root = parse_html("<p>" + "x" * (MAX_BYTES + 1_000_000))
    assert root is not None
    assert len("".join(root.itertext())) == MAX_BYTES - 3
