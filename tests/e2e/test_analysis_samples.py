"""The vendor's own samples of analyses, and every command and program of our page on the Analysis API, run as they stand.

The vendor's text is read where it lies, beside the corpus, and is never part of this project. Only base URL, key and session are
changed in it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.contracts.photos import photo, undecodable
from tests.e2e.cutting import CuttingRelay
from tests.e2e.library import QUICK
from tests.e2e.shell import run, run_program
from tests.running import RunningServer, calotype_environment

SEED = "003_12f1d16194a487d8.txt"
PAGE = Path(__file__).parents[2] / "docs" / "analysis-api.md"
ADDRESS = "http://127.0.0.1:8484"
PREFIX = "/image-forge-api/v1"
METADATA = {"title", "alt", "caption", "description", "filename", "seoTags"}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A server whose first tenant, which is unlimited, nobody else uses."""
    with RunningServer(tmp_path_factory.mktemp("page"), **QUICK) as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    """A folder with two pictures."""
    for name in ("photo1.jpg", "photo2.jpg"):
        (tmp_path / name).write_bytes(photo())
    return tmp_path


@pytest.fixture(scope="module")
def samples():
    """The vendor's curl commands: one for the stream, one for a single image."""
    corpus = os.environ.get("CALOTYPE_CORPUS")
    path = Path(corpus).parent / "seeds" / SEED if corpus else None
    if path is None or not path.exists():
        pytest.skip("the vendor's text is not at hand")
    found = re.findall(r"^curl -X POST.*?/analyze(?:-single)?$", path.read_text(), re.MULTILINE | re.DOTALL)
    assert len(found) == 2
    return found


def blocks(language):
    """What the page has in one language, block by block."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def events(text):
    """The events of a stream: (id, name, data)."""
    found = re.findall(r"id: (\S+)\nevent: (\S+)\ndata: (.*)\n\n", text)
    return [(event_id, name, json.loads(data)) for event_id, name, data in found]


def names(told):
    """How often there is an event of each name."""
    return {name: sum(event[-2] == name for event in told) for name in ("progress", "result", "error", "complete")}


def test_the_vendors_samples_work(samples, own, folder):
    """The stream has progress, result and complete; the single image has its metadata."""
    with own.client(own.first_key) as client:
        session = client.post(f"{PREFIX}/sessions", files={"images": ("photo1.jpg", photo())}).json()["sessionId"]

    def filled(sample):
        text = re.sub(r"https://[^/\s]+", own.url, sample)
        return text.replace("sk-your-key-here", own.first_key).replace("sess_abc123def456", session)

    told = events(run(filled(samples[0]), folder, **os.environ))
    single = json.loads(run(filled(samples[1]), folder, **os.environ))

    assert [name for _, name, _ in told] == ["progress", "result", "complete"]
    assert told[0][2] == {"imageId": "img_001", "status": "analyzing", "current": 1, "total": 1}
    assert told[1][2]["metadata"].keys() == single["metadata"].keys() == METADATA
    assert told[1][2]["imageId"] == single["imageId"] == "img_001"


def test_every_command_of_our_page_works(own, folder):
    """From an API key to a ledger, with nothing but what the page says; who comes back is told what is missing, for nothing."""
    scripts = blocks("sh")
    assert len(scripts) == 3
    script = "\n".join(scripts).replace(ADDRESS, own.url)
    assert script.count(own.url) == 1
    with own.client(own.first_key) as client:
        before = client.get("/v1/credits").json()["used30d"]

        printed = run(script, folder, **calotype_environment(own.data_dir, KEY=own.first_key))

        assert client.get("/v1/credits").json()["used30d"] == before + 4
    told = events(printed)
    missed = events((folder / "events.txt").read_text())
    assert [name for _, name, _ in told[:3]] == ["progress", "result", "complete"]
    assert names(missed) == {"progress": 2, "result": 2, "error": 0, "complete": 1}
    assert told[3:] == missed[1:]
    starts = [found.start() for found in re.finditer(r'(?<!data: )\{"(sessionId|imageId|balance|entries)"', printed)]
    added, single, account, ledger = (json.JSONDecoder().raw_decode(printed, start)[0] for start in starts)
    assert [image["id"] for image in added["images"]] == ["img_002"]
    assert (single["imageId"], single["metadata"].keys()) == ("img_002", METADATA)
    assert account == {"balance": 480, "unlimited": False, "used30d": 0}
    assert [(entry["kind"], entry["amount"]) for entry in ledger["entries"]] == [("grant", -20), ("grant", 500)]
    with own.client(own.first_key) as client:
        routes = client.get("/metrics").text
    assert f'route="{PREFIX}/sessions/{{session_id}}/analyze",status="200"' in routes
    assert "sess_" not in routes


@pytest.mark.parametrize("language", ["python", "js"])
def test_the_programs_of_our_page_come_back_when_the_connection_breaks(own, folder, language):
    """Cut off twice, they print every event once, and nothing is charged twice; a broken picture is an error among results."""
    (folder / "photo2.jpg").write_bytes(undecodable())
    (program,) = blocks(language)
    path = folder / {"python": "analyze.py", "js": "analyze.mjs"}[language]
    path.write_text(program)
    interpreter = {"python": sys.executable, "js": shutil.which("node")}[language]
    if interpreter is None:
        pytest.skip("node is not installed")
    with own.client(own.first_key) as client, CuttingRelay(own.url, [b"event: progress", b"event: result"]) as relay:
        before = client.get("/v1/credits").json()["used30d"]

        printed = run_program(
            [interpreter, str(path), "photo1.jpg", "photo2.jpg"],
            folder,
            **{**os.environ, "API": relay.url + PREFIX, "KEY": own.first_key},
        )

        assert client.get("/v1/credits").json()["used30d"] == before + 1
    told = [line.split(" ", 1) for line in printed.splitlines()]
    assert names(told) == {"progress": 2, "result": 1, "error": 1, "complete": 1}
    assert json.loads(told[-1][1])["status"] == "partial"
    assert relay.requests.lower().count(b"last-event-id: ") >= 1
