"""How optional parts of Calotype are added."""

from __future__ import annotations

import shlex
import sys


def installation(extra: str) -> str:
    """What a person types to add an extra to the very Python that runs this; in another one it would not be found."""
    return f"{shlex.quote(sys.executable)} -m pip install 'calotype[{extra}]'"
