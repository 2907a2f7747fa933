"""The `Content-Disposition` of a download (RFC 6266, RFC 5987)."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote


def attachment(filename: str) -> str:
    """An attachment under this name: an ASCII fallback for all, the exact name for clients that know `filename*`."""
    clean = (
        "".join(character for character in filename if unicodedata.category(character) not in {"Cc", "Cs"}) or "file"
    )
    ascii_name = unicodedata.normalize("NFKD", clean).encode("ascii", "ignore").decode().strip() or "file"
    escaped = ascii_name.replace("\\", "\\\\").replace('"', '\\"')
    value = f'attachment; filename="{escaped}"'
    return value if clean == ascii_name else f"{value}; filename*=UTF-8''{quote(clean, safe='')}"
