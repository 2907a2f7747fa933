"""Plain text is recognised while it streams in, and decoded whatever its encoding."""

from __future__ import annotations

import codecs
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.documents.plain_text import TextCheck, could_be_text, decode_text
from calotype.domain.errors import Unsupported
from tests.documents.reading import read, texts

SENTENCES = [
    ("windows-1252", "Grüße aus München, schöne Straße und Öl für fünf Euro €."),
    ("windows-1252", "café"),
    ("windows-1252", "Le garçon a mangé une crêpe à l’école près de la forêt."),  # noqa: RUF001 - quotation mark
    ("windows-1252", "El niño comió piñas ¿verdad?"),
    ("windows-1252", "“Quoted” – for 100 €"),  # noqa: RUF001 - dash
    ("windows-1251", "Съешь ещё этих мягких французских булок, да выпей чаю."),
    ("windows-1251", "привет"),
    ("windows-1251", "Це речення українською мовою, її їжак"),
    ("koi8-r", "Съешь ещё этих мягких французских булок, да выпей чаю."),
    ("cp932", "吾輩は猫である。名前はまだ無い。"),
    ("euc_jp", "吾輩は猫である。名前はまだ無い。"),
    ("iso2022_jp", "吾輩は猫である。"),
    ("gb18030", "床前明月光，疑是地上霜。举头望明月，低头思故乡。"),  # noqa: RUF001 - Chinese
    ("big5", "床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。"),  # noqa: RUF001 - Chinese
    ("euc_kr", "나 보기가 역겨워 가실 때에는 말없이 고이 보내 드리오리다"),
    ("iso8859-2", "Zażółć gęślą jaźń, proszę państwa, to jest zdanie po polsku."),
    ("windows-1250", "Příliš žluťoučký kůň úpěl ďábelské ódy"),
    ("windows-1253", "Ο καφές είναι ζεστός και το νερό κρύο σήμερα"),  # noqa: RUF001 - Greek
    ("windows-1254", "Bugün hava çok güzel, şarkı söyleyelim İstanbul"),  # noqa: RUF001 - Turkish
    ("windows-1255", "שלום עולם, זהו משפט בעברית"),
    ("windows-1256", "مرحبا بالعالم هذه جملة عربية"),
    ("windows-1257", "Ąžuolas auga prie kelio, šįmet gražus ruduo"),
    ("tis-620", "สวัสดีครับ นี่คือข้อความภาษาไทยสั้นๆ"),
    ("mac-roman", "Grüße aus München, schöne Straße"),
    ("cp850", "Füße café"),
    ("utf-16", "Grüße, 你好"),
    ("utf-8-sig", "Grüße, 你好"),
    ("utf-8", "Grüße, 你好 😀"),
]


@pytest.mark.parametrize(("encoding", "text"), SENTENCES)
def test_short_texts_are_decoded(encoding, text):
    """A line or two is enough to tell in which encoding the languages of the world were written."""
    assert decode_text(text.encode(encoding))[0] == text
    repeated = "\r\n".join([text] * 3)
    assert decode_text(repeated.encode(encoding))[0] == repeated.replace("\r\n", "\n")


def test_marks_name_the_encoding():
    """A byte order mark decides, and is no part of the text."""
    for mark, name in (
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (codecs.BOM_UTF8, "utf-8"),
    ):
        assert decode_text(mark + "Hé 😀".encode(name)) == ("Hé 😀", name)


def test_a_few_foreign_bytes_leave_utf8_what_it_is():
    """A pasted line in another encoding does not make the rest unreadable, and is kept."""
    text, encoding = decode_text("äöü ".encode() * 20 + "Straße".encode("windows-1252"))
    assert (text, encoding) == ("äöü " * 20 + "Straße", "utf-8")


def whole(text):
    """Whether a text has all that a database and a reader ask for."""
    return text.encode() is not None and not any(c < " " and c not in "\t\n\x1b" for c in text.replace("\x1b", ""))


MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF8)


@given(st.binary(max_size=300) | st.tuples(st.sampled_from(MARKS), st.binary(max_size=99)).map(b"".join))
def test_decoding_never_fails(data):
    """Any bytes become a text without NUL, control characters and half characters."""
    text, encoding = decode_text(data)
    assert encoding
    assert whole(text)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\u2028\u2029"), max_size=200))
def test_nothing_of_utf8_is_lost(text):
    """Text in UTF-8 comes out as it went in."""
    assert decode_text(text.encode())[0] == text


@given(st.binary(min_size=1, max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_the_check_does_not_depend_on_the_chunks(data, cuts):
    """However a file arrives, it is accepted or refused alike, and what is accepted has no control characters."""

    def verdict(pieces):
        check = TextCheck()
        try:
            for piece in pieces:
                check.accepts(piece)
            check.finish()
        except Unsupported:
            return False
        return True

    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(edges)]
    assert verdict(pieces) == verdict([data])
    if verdict([data]) and not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
        assert b"\0" not in data


@pytest.mark.parametrize(
    "data",
    [b"a\0b", b"\x01", b"abc\x08", b"\x7fELF", "\ufeffa\0".encode("utf-16-le"), b"\xff\xfea\0b", b"\xff\xfe\0\xd8a\0"],
)
def test_bytes_that_are_no_text_are_refused(data):
    """NUL and control characters stand in programs and pictures, half characters in broken files."""
    check = TextCheck()

    def feed():
        check.accepts(data)
        check.finish()

    with pytest.raises(Unsupported, match="no text"):
        feed()


def test_a_cut_head_can_be_text():
    """The first kilobytes of a file may end in the middle of a character."""
    assert could_be_text("äöü".encode("utf-16")[:5])
    assert could_be_text("aä".encode()[:2])
    assert could_be_text(b"")
    assert not could_be_text(b"ab\0")


def test_blank_lines_part_paragraphs(tmp_path):
    """Paragraphs keep their lines and their indentation; there are no pages."""
    document = read(tmp_path / "a.txt", b"One\r\nline  \r\n\r\n \t\r\n    indented\r\n\fNext\r", "txt")
    assert texts(document) == ["One\nline", "    indented", "Next"]
    assert (document.page_count, document.encoding, document.notes) == (None, "utf-8", ())


def test_only_the_beginning_of_a_long_text_is_read(tmp_path):
    """A limit of characters is kept and noted, in every width of characters."""
    for encoding in ("utf-8", "utf-16", "utf-32"):
        document = read(tmp_path / "a.txt", ("ab\n\n" * 5000).encode(encoding), "txt", most=100)
        assert len("".join(texts(document))) == 50
        assert document.notes == ("Only the first 100 characters were read",)
