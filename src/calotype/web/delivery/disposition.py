"""The `Content-Disposition` of a download (RFC 6266, RFC 5987)."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

# What turns the direction of writing lets `photo-gpj.exe` be read as `photo-exe.jpg` where names are shown (UTR 36); separators
# of lines and paragraphs break a name in two.
_MISLEADING = frozenset("\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def attachment(filename: str) -> str:
    """An attachment under this name: an ASCII fallback for all, the name itself for clients that know `filename*`.

    Control characters, lone surrogates and what turns the direction of writing are left out.
    """
    clean = "".join(character for character in filename if _is_shown(character)) or "file"
    ascii_name = unicodedata.normalize("NFKD", clean).encode("ascii", "ignore").decode().strip() or "file"
    escaped = ascii_name.replace("\\", "\\\\").replace('"', '\\"')
    value = f'attachment; filename="{escaped}"'
    return value if clean == ascii_name else f"{value}; filename*=UTF-8''{quote(clean, safe='')}"


def _is_shown(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cs"} and character not in _MISLEADING
