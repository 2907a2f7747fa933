"""Which encoding a page is written in, found in the order of the HTML standard ("determining the character encoding")."""

from __future__ import annotations

import codecs
import re

_PRESCAN = 1024  # bytes, of the standard
_LATE_PRESCAN = 65_536  # a declaration further down makes browsers start again
_SEARCHED_BYTES = 262_144
_DETECTED_BYTES = 4096  # even, because most characters that are cut have two
_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_BE: "utf-16be", codecs.BOM_UTF16_LE: "utf-16le"}

# The Encoding standard's names of what Python's codecs read. It takes several labels for a larger encoding than they name.
_STANDARD = {
    "utf-8": "utf-8",
    "ascii": "windows-1252",
    "iso8859-1": "windows-1252",
    "cp1252": "windows-1252",
    "iso8859-9": "windows-1254",
    "tis-620": "windows-874",
    "iso8859-11": "windows-874",
    "cp874": "windows-874",
    "gb2312": "gbk",
    "gbk": "gbk",
    "gb18030": "gb18030",
    "big5": "big5",
    "big5hkscs": "big5",
    "cp950": "big5",
    "euc_jp": "euc-jp",
    "iso2022_jp": "iso-2022-jp",
    "shift_jis": "shift_jis",
    "cp932": "shift_jis",
    "euc_kr": "euc-kr",
    "cp949": "euc-kr",
    "utf-16": "utf-16le",
    "utf-16-le": "utf-16le",
    "utf-16-be": "utf-16be",
    "cp866": "ibm866",
    "koi8-r": "koi8-r",
    "koi8-u": "koi8-u",
    "mac-roman": "macintosh",
    "mac-cyrillic": "x-mac-cyrillic",
    **{f"iso8859-{part}": f"iso-8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    **{f"cp{page}": f"windows-{page}" for page in (1250, 1251, 1253, 1254, 1255, 1256, 1257, 1258)},
}
# Labels that Python does not know.
_LABELS = {
    "dos-874": "windows-874",
    "iso-8859-8-i": "iso-8859-8",
    "ks_c_5601-1989": "euc-kr",
    "unicode": "utf-16le",
    "unicode-1-1-utf-8": "utf-8",
    "unicode11utf8": "utf-8",
    "unicodefeff": "utf-16le",
    "unicodefffe": "utf-16be",
    "windows-31j": "shift_jis",
    "windows-949": "euc-kr",
    "x-euc-jp": "euc-jp",
    "x-gbk": "gbk",
    "x-mac-roman": "macintosh",
    "x-mac-ukrainian": "x-mac-cyrillic",
    "x-sjis": "shift_jis",
    "x-user-defined": "windows-1252",
    "x-x-big5": "big5",
    **{f"x-cp{page}": f"windows-{page}" for page in range(1250, 1259)},
}
_CODECS = {
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "windows-874": "cp874",
    "ibm866": "cp866",
    "macintosh": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
}

# Single bytes first, then double ones, by Python's names.
_CANDIDATES = [
    *(f"cp{page}" for page in range(1250, 1259)),
    *(
        "iso8859_2",
        "iso8859_5",
        "iso8859_6",
        "iso8859_7",
        "iso8859_8",
        "iso8859_15",
        "koi8_r",
        "koi8_u",
        "cp866",
        "tis_620",
    ),
    *("gb18030", "big5hkscs", "cp949", "euc_jp", "cp932"),
]

_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_META = re.compile(rb"<meta(?=[\s/])([^>]*)", re.IGNORECASE)
_ATTRIBUTE = re.compile(rb"""([^\s/>="']+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""")
_IN_CONTENT = re.compile(rb"""charset\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s;"']+))""", re.IGNORECASE)
_XML = re.compile(rb"""<\?xml\s[^>]*?encoding\s*=\s*["']([^"'>]{1,40})["']""", re.IGNORECASE)
_MARKUP = re.compile(rb"<(script|style)\b.*?(?:</\1|\Z)|<[^<>]*+>?", re.IGNORECASE | re.DOTALL)
_ISO_2022_JP = re.compile(rb"\x1b\$[@B]")


def decode_page(data: bytes, declared: str | None) -> tuple[str, str]:
    """The text of a page and its encoding, by the Encoding standard's name; never fails.

    In turn: a byte order mark; `declared`, the charset that was sent with it; what the page says in its first 1024 bytes, or
    further down; what it looks like. A label that its bytes contradict is passed over.
    """
    for mark, encoding in _BOMS.items():
        if data.startswith(mark):
            return _decode(data[len(mark) :], encoding), encoding
    for said in dict.fromkeys((encoding_of(declared or ""), _declared_within(data))):
        if said is not None:
            text = _decode(data, said)
            if not _is_contradicted(text, data, said):
                return text, said
    encoding = _detected(data)
    return _decode(data, encoding), encoding


def encoding_of(label: str) -> str | None:
    """The Encoding standard's name of what a label stands for; None for one it does not know."""
    label = label.strip("\t\n\f\r \"'").lower()
    if label in _LABELS:
        return _LABELS[label]
    try:
        return _STANDARD.get(codecs.lookup(label).name)
    except (LookupError, ValueError):  # ValueError for NUL characters
        return None


def _decode(data: bytes, encoding: str) -> str:
    return data.decode(_CODECS.get(encoding, encoding), "replace")


def _is_contradicted(text: str, data: bytes, encoding: str) -> bool:
    """Whether fewer characters beyond ASCII could be read than could not; the last may have been cut in two."""
    if encoding.startswith("utf-16"):
        return b"\0" not in data[:_PRESCAN]  # markup has them
    if text.isascii():
        return False
    unread = text.count("\ufffd", 0, -1)
    return unread > 0 and 2 * unread > sum(1 for character in text if character > "\x7f")


def _declared_within(data: bytes) -> str | None:
    if data.startswith((b"<\0?\0x\0", b"\0<\0?\0x")):
        return "utf-16le" if data[0] else "utf-16be"
    early = _prescan(data[:_PRESCAN])
    if early is None and (xml := _XML.match(data[:_PRESCAN])):
        early = encoding_of(xml.group(1).decode("latin-1"))
    found = early or _prescan(data[:_LATE_PRESCAN])
    # A page that could be asked in ASCII is not written in UTF-16.
    return "utf-8" if found is not None and found.startswith("utf-16") else found


def _prescan(data: bytes) -> str | None:
    for meta in _META.finditer(_COMMENT.sub(b"", data)):
        given: dict[bytes, bytes] = {}
        for name, *values in _ATTRIBUTE.findall(meta.group(1)):
            given.setdefault(name.lower(), b"".join(values))
        label = given.get(b"charset")
        if label is None and given.get(b"http-equiv", b"").strip().lower() == b"content-type":
            inner = _IN_CONTENT.search(given.get(b"content", b""))
            label = b"".join(group or b"" for group in inner.groups()) if inner else None
        encoding = None if label is None else encoding_of(label.decode("latin-1"))
        if encoding is not None:
            return encoding
    return None


def _detected(data: bytes) -> str:
    if (wide := _utf16(data[:_PRESCAN])) is not None:
        return wide
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return _guessed(data)
    return "iso-2022-jp" if text.isascii() and _ISO_2022_JP.search(data) else "utf-8"


def _utf16(head: bytes) -> str | None:
    """Markup in UTF-16 has a zero in every other byte."""
    pairs = len(head) // 2
    high, low = head[::2].count(0), head[1::2].count(0)
    if pairs >= 4 and low > pairs * 0.4 and high < pairs * 0.05:
        return "utf-16le"
    return "utf-16be" if pairs >= 4 and high > pairs * 0.4 and low < pairs * 0.05 else None


def _guessed(data: bytes) -> str:
    from charset_normalizer import from_bytes

    sample = _telling(data)
    if (japanese := _japanese(sample)) is not None:
        return japanese
    found = from_bytes(sample, threshold=0.4, cp_isolation=_CANDIDATES)
    best = found.best()
    if best is None:
        return "windows-1252"
    # Its neighbours read French as well, if with other letters; of equals the one that is written most.
    alike = {name for each in found if each.chaos <= best.chaos for name in each.could_be_from_charset}
    return "windows-1252" if "cp1252" in alike else encoding_of(best.encoding) or "windows-1252"


def _japanese(sample: bytes) -> str | None:
    """Japanese is told by its syllables, which no other language has; statistics take short texts for Korean or Chinese."""
    for encoding in ("euc-jp", "shift_jis"):
        text = _decode(sample, encoding)
        foreign = [character for character in text if character > "\x7f"]
        syllables = sum("\u3041" <= character <= "\u30ff" for character in foreign)
        if "\ufffd" not in text[:-1] and syllables * 5 > len(foreign):
            return encoding
    return None


def _telling(data: bytes) -> bytes:
    """The words with bytes beyond ASCII; markup says nothing of the encoding, and slows down whoever looks.

    White space is no part of a character in any encoding that gets here.
    """
    words: list[bytes] = []
    length = 0
    for word in _MARKUP.sub(b" ", data[:_SEARCHED_BYTES]).split():
        if not word.isascii():
            words.append(word[:_DETECTED_BYTES])
            length += len(word) + 1
            if length > _DETECTED_BYTES:
                break
    return b" ".join(words[:-1] if len(words) > 1 and length > _DETECTED_BYTES else words)
