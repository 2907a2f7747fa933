"""Exports of bookmarks are read as browsers and services write them, and whatever else is in such a file."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.documents.bookmarks import is_bookmark_export, read_bookmarks
from calotype.domain.bookmark import Bookmark

DOCTYPE = "<!DOCTYPE NETSCAPE-Bookmark-file-1>\n"
META = '<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=UTF-8">\n'

CHROME = f"""{DOCTYPE}<!-- This is an automatically generated file.
     It will be read and overwritten.
     DO NOT EDIT! -->
{META}<TITLE>Bookmarks</TITLE>
<H1>Bookmarks</H1>
<DL><p>
    <DT><H3 ADD_DATE="1" LAST_MODIFIED="2" PERSONAL_TOOLBAR_FOLDER="true">Bookmarks bar</H3>
    <DL><p>
        <DT><A HREF="https://a.example/?a=1&copy=2&amp;b=3" ICON="data:image/png;base64,{"A" * 3_000_000}">A &amp; B</A>
        <DT><H3 ADD_DATE="1">Inner &lt;one&gt;</H3>
        <DL><p>
            <DT><A HREF="https://inner.example/">Inner</A>
        </DL><p>
        <DT><H3>Empty</H3>
        <DL><p>
        </DL><p>
        <DT><A HREF="https://after.example/">After</A>
    </DL><p>
    <DT><A HREF="chrome://settings/">Settings</A>
</DL><p>
"""
FIREFOX = f"""{DOCTYPE}<!-- generated -->
{META}<meta http-equiv="Content-Security-Policy"
      content="default-src 'self'; script-src 'none'; img-src data: *; object-src 'none'"></meta>
<TITLE>Bookmarks</TITLE>
<H1>Bookmarks Menu</H1>

<DL><p>
    <DT><A HREF="place:type=6&sort=14" ADD_DATE="1">Recent Tags</A>
    <HR>    <DT><H3 ADD_DATE="1" UNFILED_BOOKMARKS_FOLDER="true">Other</H3>
    <DD>What else there is
    <DL><p>
        <DT><A HREF="https://tagged.example/" TAGS="one,two words, ,&quot;q&quot;" SHORTCUTURL="t">Größe</A>
        <DD>A description, not a title
        <HR>
        <DT><A HREF="javascript:(function(){{if(a>b){{alert('x')}}}})()">Script</A>
    </DL><p>
</DL>
"""
SAFARI = f"""{DOCTYPE}\t<HTML>
\t<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=UTF-8">
\t<Title>Bookmarks</Title>
\t<H1>Bookmarks</H1>
\t<DT><H3 FOLDED>Favorites</H3>
\t<DL><p>
\t\t<DT><A HREF="https://one.example/">One</A>
\t</DL><p>
\t<DT><H3 FOLDED id="com.apple.ReadingList">Reading List</H3>
\t<DL><p>
\t\t<DT><A HREF="https://two.example/">Two</A>
\t</DL><p>
\t</HTML>
"""
SERVICE = f"""{DOCTYPE}{META}<TITLE>Saved</TITLE>
<h1>Saved</h1>
<DL><p><DT><A HREF="https://one.example" ADD_DATE="1" PRIVATE="1" TOREAD="0" TAGS="a,b">One</A>
<DD>Words of somebody
<dt><a href='https://two.example' data-cover='x' tags=''>Two <b>bold</b>
</a>
<DT><A HREF=https://three.example/a?b=c ADD_DATE=3>Three
<DT><A NOTHING>Without address</A>
<DT><A HREF="https://four.example"></A>
</DL><p>
"""


@pytest.mark.parametrize(
    ("export", "expected"),
    [
        (
            CHROME,
            [
                Bookmark("https://a.example/?a=1&copy=2&b=3", "A & B", (), ("Bookmarks bar",)),
                Bookmark("https://inner.example/", "Inner", (), ("Bookmarks bar", "Inner <one>")),
                Bookmark("https://after.example/", "After", (), ("Bookmarks bar",)),
                Bookmark("chrome://settings/", "Settings"),
            ],
        ),
        (
            FIREFOX,
            [
                Bookmark("place:type=6&sort=14", "Recent Tags"),
                Bookmark("https://tagged.example/", "Größe", ("one", "two words", '"q"'), ("Other",)),
                Bookmark("javascript:(function(){if(a>b){alert('x')}})()", "Script", (), ("Other",)),
            ],
        ),
        (
            SAFARI,
            [
                Bookmark("https://one.example/", "One", (), ("Favorites",)),
                Bookmark("https://two.example/", "Two", (), ("Reading List",)),
            ],
        ),
        (
            SERVICE,
            [
                Bookmark("https://one.example", "One", ("a", "b")),
                Bookmark("https://two.example", "Two bold"),
                Bookmark("https://three.example/a?b=c", "Three"),
                Bookmark("", "Without address"),
                Bookmark("https://four.example"),
            ],
        ),
    ],
    ids=["chrome", "firefox", "safari", "service"],
)
def test_exports_are_read_as_their_programs_write_them(export, expected):
    """Folders, tags, titles and URLs come out; descriptions, icons, separators and times are passed over."""
    data = export.encode()
    assert is_bookmark_export(data[:1024])
    assert read_bookmarks(data) == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "shift_jis", "windows-1251"])
def test_other_encodings_are_read(encoding):
    """A byte order mark and what the file declares are believed."""
    words = "Закладки" if encoding == "windows-1251" else "写真の本"
    meta = META.replace("UTF-8", encoding)
    data = f'{DOCTYPE}{meta}<DL><p><DT><A HREF="https://a.example">{words}</A></DL>'.encode(encoding)
    assert is_bookmark_export(data[:1024])
    assert read_bookmarks(data) == [Bookmark("https://a.example", words)]


@pytest.mark.parametrize(
    ("head", "is_export"),
    [
        (b"<!doctype netscape-bookmark-file-1>", True),
        (b"\xef\xbb\xbf\r\n <!-- x --> <!DOCTYPE   NETSCAPE-Bookmark-file-1 >", True),
        (b"<!DOCTYPE html><p>NETSCAPE-Bookmark-file-1", False),
        (b"How <!DOCTYPE NETSCAPE-Bookmark-file-1> is written", False),
        (b"<!DOCTYPE NETSCAPE-Bookmark-file-10>", False),
        (b"", False),
        (b"\xff\xfe", False),
        (b"\xff\xd8\xff\xe0", False),
    ],
)
def test_only_the_first_line_makes_an_export(head, is_export):
    """Pages and texts about such files are none."""
    assert is_bookmark_export(head) is is_export


def test_long_titles_are_cut_and_odd_white_space_is_one_space():
    """A title has 500 characters at most, in one line and without control characters."""
    text = f'<A HREF=" https://a.example ">  a\n\n b\u0085c\x00\x01 {"x" * 600}</A>'
    (found,) = read_bookmarks(text.encode())
    assert found.url == "https://a.example"
    assert found.title == f"a b c {'x' * 600}"[:500]


NAMES = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Z", "Cn"], exclude_characters="\ufeff"), min_size=1, max_size=12
)
TAGS = st.lists(NAMES.filter(lambda tag: "," not in tag), max_size=3)
BOOKMARKS = st.tuples(NAMES, NAMES, TAGS)
TREES = st.recursive(
    st.lists(BOOKMARKS, max_size=3),
    lambda inner: st.lists(BOOKMARKS | st.tuples(NAMES, inner), max_size=4),
    max_leaves=12,
)


def written(tree, *, closes):
    """A tree as a browser writes it, and the bookmarks in it."""
    text, expected = "<DL><p>\n", []

    def walk(items, way):
        nonlocal text
        for item in items:
            if len(item) == 2:
                text += f"<DT><H3>{html.escape(item[0])}</H3>\n<DL><p>\n"
                walk(item[1], (*way, item[0]))
                text += "</DL><p>\n"
            else:
                end = "</A>" if closes else ""
                attributes = f'HREF="https://a.example/{html.escape(item[0])}" TAGS="{html.escape(",".join(item[2]))}"'
                text += f"<DT><A {attributes}>{html.escape(item[1])}{end}\n"
                expected.append(Bookmark(f"https://a.example/{item[0]}", item[1], tuple(item[2]), way))

    walk(tree, ())
    return text + "</DL>", expected


@given(tree=TREES, closes=st.booleans())
def test_what_was_written_is_read_again(tree, closes):
    """Any tree of any names comes back as it was, whether bookmarks' tags are closed or not."""
    text, expected = written(tree, closes=closes)
    assert read_bookmarks(f"{DOCTYPE}{META}{text}".encode()) == expected


@given(
    st.binary(max_size=300)
    | st.lists(
        st.sampled_from(["<A ", "HREF=", '"', "'", ">", "<DL>", "</DL>", "<H3>", "x", "<!--", "-->", "&#0;", "="])
    )
    .map("".join)
    .map(str.encode)
)
def test_no_bytes_are_too_broken(data):
    """Whatever the bytes are, texts come out that a database can hold."""
    is_bookmark_export(data)
    for found in read_bookmarks(META.encode() + data):
        for text in (found.title or "", *found.tags, *found.folders):
            assert "\x00" not in text
            assert text == " ".join(text.split())


@pytest.mark.parametrize(
    "piece",
    ['<a ="', "<a ='", '<a href="<', "<!--", "<dl>", "</dl>", "<a", "<a href=&#1", "<A><b", "<a = ", "&", "-->"],
)
def test_files_made_to_keep_the_reader_busy_do_not(piece):
    """What never closes is read once: in a time that grew with the square of its size this would take hours."""
    read_bookmarks(META.encode() + piece.encode() * 100_000)


def test_folders_nested_without_end_cost_nothing():
    """Only the outermost names are kept, and the way back out is found."""
    opened = "".join(f"<DL><H3>{number}</H3>" for number in range(20_000))
    ways = ("<A HREF=https://in.example>in</A>", "</DL>" * 19_994, "<A HREF=https://five.example>five</A>", "</DL>" * 6)
    text = opened + "".join(ways) + "<A HREF=https://out.example>out</A>"
    inner, fifth, outer = read_bookmarks(META.encode() + text.encode())
    assert inner.folders[:5] == fifth.folders == ("0", "1", "2", "3", "4")
    assert len(inner.folders) < 40
    assert outer == Bookmark("https://out.example", "out")
