"""The ways to verify a call that docs/webhooks.md shows do so."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from calotype.domain.event import EventType
from calotype.domain.webhook import make_secret, signature, write_secret

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
BODY = b'{"type":"asset.deleted","data":{"name":"\xc3\xa4"}}'


def blocks(language: str) -> list[str]:
    """The page's pieces of code."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def call(secret: bytes, timestamp: int) -> dict[str, str]:
    """The headers of a call."""
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, "evt_1", timestamp, BODY),
    }


def test_the_python_way_tells_genuine_calls_from_others():
    """It takes a recent call, beside other signatures too, and refuses other bodies, ids, keys and old calls."""
    (source,) = blocks("python")
    names: dict[str, Any] = {}
    exec(source, names)  # it is ours, and that it runs is the point
    genuine = names["is_genuine"]
    secret, now = make_secret(), int(time.time())
    shown = write_secret(secret)
    headers = call(secret, now)
    assert genuine(shown, headers, BODY)
    assert genuine(shown, {**headers, "webhook-signature": "v1,abc " + headers["webhook-signature"]}, BODY)
    assert not genuine(shown, headers, BODY + b" ")
    assert not genuine(shown, {**headers, "webhook-id": "evt_2"}, BODY)
    assert not genuine(write_secret(make_secret()), headers, BODY)
    assert not genuine(shown, call(secret, now - 3600), BODY)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")
def test_the_shells_way_prints_the_signature(tmp_path):
    """Behind `v1,` the header holds the same."""
    source = next(block for block in blocks("sh") if "openssl" in block)
    secret = make_secret()
    (tmp_path / "body").write_bytes(BODY)
    given = {"SECRET": write_secret(secret), "ID": "evt_1", "TIMESTAMP": "1767323045", "BODY": str(tmp_path / "body")}
    told = subprocess.run(["sh", "-c", source], env={**os.environ, **given}, capture_output=True, check=True)
    assert "v1," + told.stdout.decode() == signature(secret, "evt_1", 1767323045, BODY)


def test_every_event_is_described():
    """No more and no fewer than there are."""
    table = PAGE.partition("## Events")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z.]+)` \|", table, re.MULTILINE)) == {event_type.value for event_type in EventType}
