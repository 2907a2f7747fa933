"""In which encoding bytes make sense: by the letters of the languages that were written in each before there was UTF-8.

General detectors are for long texts; a note of two lines they take for the letters of a language that nobody would expect. Here
each candidate is held against the alphabets of its languages, and the common one wins where several fit.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Mapping

# Enough for a guess; more takes long and tells nothing new.
_SAMPLE = 64 * 1024
_MOST_LETTERS = 4000
# Of ASCII, which tells nothing, no more stands before what does.
_BEFORE = 1000
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
# Below this a guess is not better than chance.
_GOOD = 0.5
_LOST = "\ufffd"
# One in so many characters beyond ASCII may be broken, and a few in a short text: one bad byte can break those behind it.
_STILL_VALID = 100
_FEW = 3

_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
_WESTERN = (
    "äöüß",
    "àâçéèêëîïôùûüœæ",
    "áéíóúñü¿¡ªº",
    "áâãàçéêíóôõú",
    "àèéìòù",
    "åäöé",
    "æøåé",
    "áðéíóúýþæö",
    "ëïéèöüáó",
)
_CENTRAL = ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíľĺňóôŕšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž", "äöüß")
_EASTERN = (_CYRILLIC + "ё", _CYRILLIC.translate({ord(c): None for c in "ъыэ"}) + "іїєґ'")
_GREEK = ("αβγδεζηθικλμνξοπρςστυφχψωάέήίόύώϊϋΐΰ",)
_HEBREW = ("אבגדהוזחטיךכלםמןנסעףפץצקרשת",)
_ARABIC = ("ابتثجحخدذرزسشصضطظعغفقكلمنهويءآأؤإئةى" + "پچژگکی" + "،؛؟",)
# Without letters that are hardly used, of which other encodings are full when they are taken for Thai.
_THAI = (
    "".join(map(chr, (*range(0x0E01, 0x0E3A), *range(0x0E40, 0x0E4D)))).translate(
        {ord(c): None for c in "ฃฅฆฌฎฏฐฑฒฬฤฦฯๅๆ"}
    ),
)
# The order decides where several fit as well.
_SINGLE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("windows-1252", _WESTERN),
    ("windows-1251", _EASTERN),
    ("windows-1250", _CENTRAL),
    ("iso8859-2", _CENTRAL),
    ("windows-1254", ("çğıöşüİâîû",)),
    ("windows-1253", _GREEK),
    ("iso8859-7", _GREEK),
    ("windows-1255", _HEBREW),
    ("windows-1256", _ARABIC),
    ("windows-1257", ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž")),
    ("iso8859-8", _HEBREW),
    ("koi8-r", _EASTERN[:1]),
    ("koi8-u", _EASTERN[1:]),
    ("cp866", _EASTERN[:1]),
    ("iso8859-5", _EASTERN[:1]),
    ("mac-cyrillic", _EASTERN[:1]),
    ("tis-620", _THAI),
    ("mac-roman", _WESTERN),
    ("cp850", _WESTERN),
    ("cp852", _CENTRAL),
)
_THAI_SIGNS = frozenset(map(chr, (0x0E31, *range(0x0E34, 0x0E3B), *range(0x0E47, 0x0E4F))))
_TYPOGRAPHY = frozenset("\xa0«»“”„‘’‚–—…•€£°§©®™№·")  # noqa: RUF001 - quotation marks and dashes
# With the codec that knows the order of its characters, of which the first part holds the frequent ones, up to that byte.
_DOUBLE: tuple[tuple[str, str, int], ...] = (
    ("cp932", "euc_jp", 0xCF),
    ("euc_jp", "euc_jp", 0xCF),
    ("gb18030", "gb2312", 0xD7),
    ("big5", "big5", 0xC6),
    ("cp949", "euc_kr", 0xC8),
)
# Nearly every other letter of the languages of Cyrillic is a vowel, and every tenth of Greek has an accent. Hebrew that is
# taken for one of them has fewer.
_VOWELS = ((_EASTERN, "аеиоуыіяю", 0.3), (_GREEK, "άέήίόύώ", 0.03))
_SEVERAL = 0.8
_SIGNS_ONLY = 0.95
# Of systems that are long gone, whose files are rare now.
_OLD = frozenset({"cp866", "iso8859-5", "mac-cyrillic", "mac-roman", "cp850", "cp852"})
_RARE = 0.9
# Japanese without any kana is no Japanese.
_KANA_LEAST = 0.1
_DOUBTFUL = 0.7
_JAPANESE = frozenset({"cp932", "euc_jp"})


def guess_encoding(data: bytes) -> str | None:
    """The encoding, as Python names it, in which these bytes make most sense; None when they make none in any.

    A few of the bytes may have no meaning in it.
    """
    first = _BEYOND_ASCII.search(data)
    start = max(0, first.start() - _BEFORE) if first is not None else 0
    sample = data[start : start + _SAMPLE]
    scores: dict[str, float] = {}
    for encoding, alphabets in _SINGLE:
        if (text := _decoded(sample, encoding)) is not None:
            scores[encoding] = _single_score(text, alphabets) * (_RARE if encoding in _OLD else 1)
    for encoding, order, frequent in _DOUBLE:
        if (text := _decoded(sample, encoding)) is not None:
            scores[encoding] = _double_score(text, order, frequent, japanese=encoding in _JAPANESE)
    # Rounded, because a stray byte is one more fault in the right encoding, but may be a letter of another.
    best = max(scores, key=lambda name: round(scores[name], 2), default=None)
    if best is not None and scores[best] >= _GOOD:
        return best
    return _general_guess(sample)


def _general_guess(data: bytes) -> str | None:
    import charset_normalizer

    best = charset_normalizer.from_bytes(data).best()
    return best.encoding if best is not None else None


def _decoded(data: bytes, encoding: str) -> str | None:
    """The sample in this encoding, of which the last character may be cut; None where more than a few bytes are not valid."""
    text = codecs.getincrementaldecoder(encoding)("replace").decode(data)
    lost = text.count(_LOST)
    if lost > _FEW and lost * _STILL_VALID > sum(not character.isascii() for character in text):
        return None
    return text


def _single_score(text: str, alphabets: tuple[str, ...]) -> float:
    """How much of what is not ASCII belongs to one of the alphabets, from -2 to 1."""
    letters, faults = _letters(text)
    count = letters.total()
    if not count:
        return 0.0
    if all(letter in _TYPOGRAPHY for letter in letters):
        return _SIGNS_ONLY
    # A text in two languages fits into none of them alone.
    several = _SEVERAL * _share(letters, "".join(alphabets))
    score = (max(several, *(_share(letters, alphabet) for alphabet in alphabets)) - faults) / count
    for scripts, vowels, least in _VOWELS:
        if alphabets[0] in scripts and sum(letters[vowel] for vowel in vowels) < least * count:
            score *= _DOUBTFUL
    return score


def _share(letters: Mapping[str, int], alphabet: str) -> float:
    known = set(alphabet)
    return sum(
        times * (1 if letter in known else 0.7 if letter in _TYPOGRAPHY else -1) for letter, times in letters.items()
    )


def _letters(text: str) -> tuple[Counter[str], int]:
    """What is not ASCII, in small letters, and how often a capital follows a small letter or another script's letter."""
    letters: Counter[str] = Counter()
    faults = seen = 0
    before = " "
    for character in text:
        if not character.isascii():
            small = character.lower()
            letters[small if len(small) == 1 else character] += 1
            faults += before.islower() and character.isupper()
            # From Greek on, letters never stand beside Latin ones.
            faults += character >= "\u0370" and character.isalpha() and before.isascii() and before.isalpha()
            # The vowel signs and tones of Thai stand above and below a consonant.
            faults += character in _THAI_SIGNS and not "\u0e01" <= before <= "\u0e4e"
            seen += 1
            if seen >= _MOST_LETTERS:
                break
        before = character
    return letters, faults


def _double_score(text: str, order: str, frequent: int, *, japanese: bool) -> float:
    """How much of what is not ASCII are frequent characters, from -1 to 1."""
    letters = Counter(character for character in text[:_MOST_LETTERS] if not character.isascii())
    count = letters.total()
    score = sum(times * _worth(letter, order, frequent, japanese) for letter, times in letters.items()) / max(1, count)
    kana = sum(times for letter, times in letters.items() if _is_kana(letter))
    return score * _DOUBTFUL if japanese and kana < _KANA_LEAST * count else score


def _is_kana(character: str) -> bool:
    return "\u3041" <= character <= "\u30ff"


def _worth(character: str, order: str, frequent: int, japanese: bool) -> float:
    if _is_kana(character):
        # Other encodings of East Asia have them, too, but nobody writes them there.
        return 1.0 if japanese else 0.0
    if "\u3000" <= character <= "\u303f" or "\uff01" <= character <= "\uff5e":
        return 0.5
    if not ("\u4e00" <= character <= "\u9fff" or "\uac00" <= character <= "\ud7a3"):
        return 0.3 if character in _TYPOGRAPHY else -1.0
    code = character.encode(order, "ignore")
    if order == "euc_kr" and character < "\uac00":
        # Korean is written in Hangul; Chinese characters stand here and there.
        return 0.2
    if order == "euc_kr":
        # Syllables outside of the standard are spelled out in eight bytes.
        return 1.0 if len(code) == 2 else -0.5
    return 0.95 if code and code[0] <= frequent else 0.1
