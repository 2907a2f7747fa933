"""The id of a request: the client's if it is usable, else a new one."""

from __future__ import annotations

import re
from uuid import uuid4

_USABLE = re.compile(r"[\x20-\x7e]{1,128}")


def request_id(sent: str | None) -> str:
    """The sent id when it is 1 to 128 printable ASCII characters, else a fresh UUID."""
    return sent if sent is not None and _USABLE.fullmatch(sent) else str(uuid4())
