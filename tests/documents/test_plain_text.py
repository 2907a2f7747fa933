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


CHINESE = "第一章　总则。本办法适用于所有在职员工，包括试用期员工和临时工。\n公司每年组织一次体检，费用由公司承担。"  # noqa: RUF001
GREEK = "Η Αθήνα είναι η πρωτεύουσα της Ελλάδας και μία από τις αρχαιότερες πόλεις του κόσμου."  # noqa: RUF001
HEBREW = "כל בני אדם נולדו בני חורין ושווים בערכם ובזכויותיהם.\n" * 9
RUSSIAN = "Съешь ещё этих мягких французских булок, да выпей чаю.\n"


@pytest.mark.parametrize(
    ("encoding", "before", "fault", "after"),
    [
        ("gb18030", CHINESE, b"\xff", CHINESE),
        ("gb18030", CHINESE, b"\xb9\n", CHINESE),
        ("big5", "中華民國基於三民主義，為民有民治民享之民主共和國。\n", b"\xff\n", ""),  # noqa: RUF001
        ("windows-1253", GREEK, b"\xd2", ""),
        ("windows-1253", GREEK, b"\xaa", ""),
        ("windows-1255", HEBREW, b"\xff", HEBREW),
        ("windows-1251", RUSSIAN, b"\x98", RUSSIAN),
        ("windows-1251", RUSSIAN * 2000, b"\x98", RUSSIAN),
        ("cp932", "吾輩は猫である。名前はまだ無い。\n" * 3000, b"\x93\n", "名前はまだ無い。"),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else value.hex(),
)
def test_one_bad_byte_costs_one_character(tmp_path, encoding, before, fault, after):
    """Text in an old encoding stays readable before and behind a byte that means nothing in it, and a note tells of the loss."""
    data = before.encode(encoding) + fault + after.encode(encoding)
    document = read(tmp_path / "a.txt", data, "txt")
    assert document.encoding == encoding
    assert document.notes == ("Some characters could not be read",)
    between = "\ufffd" + ("\n" if fault.endswith(b"\n") else "")
    assert "\n\n".join(texts(document)) == (before + between + after).strip("\n")


def test_a_character_that_the_limit_cuts_is_no_fault(tmp_path):
    """The part of a long text that is read may end in the middle of a character, which is left out with what follows."""
    text = "吾輩は猫である名前はまだ無い" * 30
    for more in range(4):
        document = read(tmp_path / "a.txt", b"a" * more + text.encode("cp932"), "txt", most=101)
        assert document.notes == ("Only the first 101 characters were read",)
        assert texts(document) == [("a" * more + text)[:101]]


def test_what_stands_behind_long_ascii_tells_the_encoding():
    """However much of a file is ASCII, the letters behind it are decoded by what they are."""
    text = "All rights reserved.\n" * 5000 + RUSSIAN
    assert decode_text(text.encode("windows-1251")) == (text, "windows-1251")


@pytest.mark.parametrize("encoding", ["cp866", "cp850", "cp852", "ascii"])
def test_texts_of_dos_end_in_a_control_character(encoding):
    """Ctrl-Z, with which editors of DOS ended their files, makes them no less text, and is no part of it."""
    text = {"cp866": RUSSIAN, "cp850": "Füße café\n", "cp852": "Zażółć gęślą jaźń\n", "ascii": "DIR\n"}[encoding]
    data = text.replace("\n", "\r\n").encode(encoding) + b"\x1a" * 2
    check = TextCheck()
    check.accepts(data)
    check.finish()
    assert could_be_text(data)
    assert decode_text(data)[0] == text


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
