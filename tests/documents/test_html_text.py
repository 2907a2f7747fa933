"""The text of a page is what its readers come for."""

from __future__ import annotations

import subprocess
import sys

import pytest
import trafilatura

from calotype.documents.html_text import MAX_TEXT
from tests.documents.pages import article, read

LONG = "This sentence is long enough to be more than a label somewhere on the page, and it says so."


def test_an_article_stands_without_what_surrounds_it():
    """All its paragraphs, but no menus, teasers, notices, scripts and footers."""
    page = read(article(30, 20))
    assert page.title == "North pier closed | Example News"
    assert page.text.count(" says.") == 120
    for other in ("Section 3", "Teaser 3", "Imprint", "Copyright", "cookies", "function", "color:red"):
        assert other not in page.text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        (
            "<nav><a href=/>Home</a></nav><h1>Head</h1><p>One short\n paragraph.</p><footer>Imprint</footer>",
            "Head\nOne short paragraph.",
        ),
        ("<div>only <b>a</b> div<ul><li>a<li>b</ul></div>", "only a div\na\nb"),
        ("bare text &copy;", "bare text ©"),
        ("<p hidden>secret</p><p style='x:y; DISPLAY : none'>secret</p><p aria-hidden=true>secret</p>shown", "shown"),
        ("<body style='visibility:hidden'><p>shown by a script</p>", "shown by a script"),
        ("<select><option>x</select><button>Buy</button><textarea>y</textarea><template>z</template>text", "text"),
        ("<table><tr><th>Name<th>Height<tr><td>Pier<td>7 m</table>", "Name Height\nPier 7 m"),
        ("<nav>Only a menu</nav>", "Only a menu"),
        ("<script>var a</script><noscript>Please allow scripts</noscript>", "Please allow scripts"),
        ("<frameset><frame src=a.html><noframes>For old browsers</noframes></frameset>", "For old browsers"),
        ("<iframe src=x>inside</iframe><svg><text>drawn</text></svg>", ""),
        ("<p>a&#0;b&#7;c&#xD800;d", "a\ufffdbc\ufffdd"),
    ],
)
def test_of_a_short_page_all_is_taken_that_can_be_seen(markup, text):
    """But for menus and footers, unless there is nothing else; what scripts alone would show stays away."""
    assert read(markup).text == text


def test_no_paragraph_stands_twice():
    """Pages repeat themselves for screens of other sizes; short lines may be repeated for a reason."""
    body = f"<p>{LONG}</p><p>yes</p><p>no</p>" * 3
    assert read(body).text == f"{LONG}\nyes\nno\nyes\nno\nyes\nno"
    lines = read(f"<article>{article(12)}{article(12)}</article>").text.splitlines()
    paragraphs = [line for line in lines if len(line) >= 40]
    assert len(paragraphs) == len(set(paragraphs)) > 0


def test_a_page_that_is_all_lists_is_read_as_it_stands(monkeypatch):
    """A tree too large to be searched for a main text gives what can be seen."""
    monkeypatch.setattr(trafilatura, "extract", lambda *_, **__: "x" * 1000)
    text = read(
        "<nav>Menu</nav>" + "".join(f"<p><a href=/{number}>entry {number}</a>" for number in range(11_000))
    ).text
    assert text.startswith("entry 0\nentry 1\n")
    assert text.endswith("entry 10999")


def test_the_text_is_capped():
    """At two million characters."""
    assert len(read(f"<p>{'word ' * 900_000}</p>").text) in {MAX_TEXT, MAX_TEXT - 1}


def test_the_heuristics_are_loaded_when_a_page_is_read():
    """They take longer to import than the whole module, and say nothing on any stream."""
    program = """import sys
from calotype.documents.html_page import read_page
assert "trafilatura" not in sys.modules and "charset_normalizer" not in sys.modules
read_page(b"<p>text", "http://h/", None); read_page(b"", "http://h/", None)
assert "trafilatura" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
