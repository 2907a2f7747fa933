"""The encoding of a page is found in the HTML standard's order, and pages that name a wrong one are read all the same."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.documents.html_charset import decode_page, encoding_of

SENTENCES = {
    "windows-1252": ("cp1252", "Die Brücke ist gesperrt, weil Schäden gefunden wurden \u2013 größer als gedacht."),
    "windows-1251": ("cp1251", "Мост через реку закрыт, потому что найдены повреждения бетонных опор."),
    "koi8-r": ("koi8_r", "Мост через реку закрыт, потому что найдены повреждения бетонных опор."),
    "shift_jis": ("cp932", "橋は損傷が見つかったため閉鎖されています。詳しくはこちらをご覧ください。"),
    "euc-jp": ("euc_jp", "橋は損傷が見つかったため閉鎖されています。詳しくはこちらをご覧ください。"),
    "iso-2022-jp": ("iso2022_jp", "橋は損傷が見つかったため閉鎖されています。"),
    "gb18030": (
        "gb18030",
        "北桥因混凝土桥墩受损已对车辆关闭。市政府表示、维修将持续几个月。司机请绕行、直到工程结束。",
    ),
    "big5": ("big5", "由於發現損壞、橋樑已關閉。請在此處查看詳細資料。"),
    "euc-kr": ("cp949", "손상이 발견되어 다리가 폐쇄되었습니다. 자세한 내용은 여기를 참조하십시오."),
    "iso-8859-2": (
        "iso8859_2",
        "Północny most został zamknięty, ponieważ inżynierowie znaleźli uszkodzenia. Kierowcy proszą o objazdy.",
    ),
    "windows-1256": ("cp1256", "الجسر مغلق بسبب وجود أضرار في الأعمدة."),
}


def page(text: str, head: str = "") -> str:
    """A page with a text in two places."""
    return f"<html><head>{head}<title>{text[:10]}</title></head><body><p class='story'>{text}</p></body></html>"


@pytest.mark.parametrize(
    ("label", "encoding"),
    [
        ("UTF8", "utf-8"),
        (' "utf-8" ', "utf-8"),
        ("latin1", "windows-1252"),
        ("us-ascii", "windows-1252"),
        ("ISO-8859-9", "windows-1254"),
        ("gb2312", "gbk"),
        ("GB18030", "gb18030"),
        ("x-sjis", "shift_jis"),
        ("Windows-31J", "shift_jis"),
        ("ks_c_5601-1987", "euc-kr"),
        ("x-user-defined", "windows-1252"),
        ("utf-16", "utf-16le"),
        ("unicodeFFFE", "utf-16be"),
        ("big5-hkscs", "big5"),
        ("utf-7", None),
        ("utf-32", None),
        ("idna", None),
        ("rot13", None),
        ("zlib", None),
        ("unicode_escape", None),
        ("cp037", None),
        ("nonsense", None),
        ("", None),
        ("a\0b", None),
        ("\u00fc", None),
    ],
)
def test_labels_are_those_of_the_standard(label, encoding):
    """And none of the codecs that only Python has, some of which are no encodings at all."""
    assert encoding_of(label) == encoding


def test_a_byte_order_mark_wins_then_the_answer_then_the_page():
    """Each of the three says something else, and the next is asked only where the one before is silent."""
    said = page("größer", '<meta charset="koi8-r">')
    assert decode_page(codecs.BOM_UTF8 + said.encode(), "windows-1251") == (said, "utf-8")
    assert decode_page(said.encode("cp1252"), "latin1") == (said, "windows-1252")
    russian = page("мост", '<meta charset="koi8-r">')
    assert decode_page(russian.encode("koi8-r"), None) == (russian, "koi8-r")
    assert decode_page(russian.encode("koi8-r"), "no-such-charset") == (russian, "koi8-r")


@pytest.mark.parametrize(
    "head",
    [
        "<meta charset=windows-1251>",
        "<META CHARSET = 'cp1251' />",
        '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">',
        "<meta content='text/html;charset=\"windows-1251\"' http-equiv=content-type>",
        "<!-- <meta charset=koi8-r> --><meta charset=windows-1251>",
        "<meta charset=nonsense><meta charset=windows-1251>",
        "<meta name=x content='text/html; charset=koi8-r'><meta charset=windows-1251>",
        "<style>" + "a{}" * 1000 + "</style><meta charset=windows-1251>",
    ],
)
def test_pages_name_their_encoding_in_many_ways(head):
    """Comments, unknown labels and other metas do not count; a declaration further down does."""
    said = page("мост", head)
    assert decode_page(said.encode("cp1251"), None) == (said, "windows-1251")


def test_the_xml_declaration_names_it_too():
    """As pages in XHTML do."""
    said = '<?xml version="1.0" encoding="ISO-8859-1"?>' + page("größer")
    assert decode_page(said.encode("latin-1"), None) == (said, "windows-1252")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_read_with_and_without_a_mark(codec):
    """Its zeros show it; a meta that could be read as ASCII and says UTF-16 means UTF-8."""
    said = page("größer \u6f22\u5b57")
    mark = codecs.BOM_UTF16_LE if codec == "utf-16-le" else codecs.BOM_UTF16_BE
    name = codec.replace("16-", "16")
    assert decode_page(mark + said.encode(codec), "utf-8") == (said, name)
    assert decode_page(said.encode(codec), None) == (said, name)
    wrong = page("größer", '<meta charset="utf-16">')
    assert decode_page(wrong.encode(), None) == (wrong, "utf-8")
    assert decode_page(wrong.encode(), "utf-16") == (wrong, "utf-8")
    assert decode_page(wrong.encode() + b"\0", None) == (wrong + "\0", "utf-8")


@pytest.mark.parametrize("encoding", SENTENCES)
def test_what_nobody_names_is_told_by_its_words(encoding):
    """A few sentences are enough, and markup does not disturb."""
    codec, text = SENTENCES[encoding]
    said = page(text)
    assert decode_page(said.encode(codec), None) == (said, encoding)


def test_a_label_that_the_bytes_contradict_is_passed_over():
    """A page in windows-1252 that is sent as UTF-8 is read, while a single broken character stays one."""
    said = page("Die Brücke über den Fluss ist für Fußgänger gesperrt.")
    assert decode_page(said.encode("cp1252"), "utf-8") == (said, "windows-1252")
    text, encoding = decode_page(said.encode().replace("ü".encode(), b"\xff", 1), "utf-8")
    assert encoding == "utf-8"
    assert text.count("\ufffd") == 1


def test_a_page_that_was_cut_is_still_what_it_was():
    """The body's limit may fall into a character."""
    assert decode_page("<p>größer ü".encode()[:-1], None)[1] == "utf-8"
    assert decode_page("<p>\u6a4b".encode("cp932")[:-1], "shift_jis") == ("<p>\ufffd", "shift_jis")


@given(st.binary(max_size=300), st.none() | st.text(max_size=20) | st.sampled_from(["utf-8", "gbk", "iso-2022-jp"]))
def test_any_bytes_are_text(data, declared):
    """Decoding never fails, and the encoding's name is one that can be declared."""
    text, encoding = decode_page(data, declared)
    assert isinstance(text, str)
    assert encoding_of(encoding) == encoding
