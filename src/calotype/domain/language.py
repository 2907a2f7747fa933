"""Languages that models of speech name, and their codes."""

from __future__ import annotations

import re

# Models of the Whisper family know these; APIs tell the English name, libraries the code (ISO 639-1, where a language has one).
_NAMES = """
af afrikaans am amharic ar arabic as assamese az azerbaijani ba bashkir be belarusian bg bulgarian bn bengali bo tibetan br breton
bs bosnian ca catalan cs czech cy welsh da danish de german el greek en english es spanish et estonian eu basque fa persian
fi finnish fo faroese fr french gl galician gu gujarati ha hausa haw hawaiian he hebrew hi hindi hr croatian ht haitian-creole
hu hungarian hy armenian id indonesian is icelandic it italian ja japanese jw javanese ka georgian kk kazakh km khmer kn kannada
ko korean la latin lb luxembourgish ln lingala lo lao lt lithuanian lv latvian mg malagasy mi maori mk macedonian ml malayalam
mn mongolian mr marathi ms malay mt maltese my myanmar ne nepali nl dutch nn nynorsk no norwegian oc occitan pa punjabi pl polish
ps pashto pt portuguese ro romanian ru russian sa sanskrit sd sindhi si sinhala sk slovak sl slovenian sn shona so somali
sq albanian sr serbian su sundanese sv swedish sw swahili ta tamil te telugu tg tajik th thai tk turkmen tl tagalog tr turkish
tt tatar uk ukrainian ur urdu uz uzbek vi vietnamese yi yiddish yo yoruba yue cantonese zh chinese
""".split()  # noqa: SIM905 - a line each would be two hundred
_CODES = dict(zip(_NAMES[1::2], _NAMES[::2], strict=True))
_KNOWN = frozenset(_NAMES[::2])
_CODE = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]+)*")
_STANDARD = {"jw": "jv"}  # what models call Javanese was withdrawn in 2001


def language_code(name: str) -> str | None:
    """The code of a language given by its English name or a code, perhaps with a region ("German", "de", "de-AT").

    None for one that is not known.
    """
    text = name.strip().lower()
    match = _CODE.fullmatch(text)
    code = _CODES.get(text.replace(" ", "-")) or (match.group(1) if match else "")
    return _STANDARD.get(code, code) if code in _KNOWN else None


def is_spoken_code(text: str) -> bool:
    """Whether models of speech can be told this code."""
    return text in _KNOWN
