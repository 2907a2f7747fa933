"""The id of a request: the client's if it is usable, else a new one."""

from __future__ import annotations

import re
from uuid import uuid4

PRINTABLE = re.compile(r"[\x20-\x7e]{1,128}")
PLAIN = re.compile(r"[A-Za-z0-9._-]{1,128}")


def request_id(sent: str | None, usable: re.Pattern[str] = PRINTABLE) -> str:
    """The sent id when it is as the wire format allows it, else a fresh UUID."""
    return sent if sent is not None and usable.fullmatch(sent) else str(uuid4())
