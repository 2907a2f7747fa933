"""What README.md and the pages of docs/ tell a newcomer to type works as it stands, page by page, over one library.

Only the server's address, keys, files and ids are put in. The pages on devices and on analyses have tests of their own, which
look closer at what is answered; `webhooks.md` shows how to verify a call, which is tested with the rule for that.
"""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.contracts import papers
from tests.contracts.photos import photo
from tests.e2e.library import QUICK
from tests.e2e.shell import run
from tests.running import RunningServer, calotype_environment
from tests.small_film import small_film

ROOT = Path(__file__).parents[2]
ADDRESS = "http://127.0.0.1:8484"
READING_ORDER = (
    "README.md",
    "docs/guide.md",
    "docs/files-api.md",
    "docs/vision-api.md",
    "docs/videos.md",
    "docs/documents.md",
    "docs/links.md",
    "docs/exports.md",
    "docs/webhooks.md",
)
# By test_analysis_samples.py, test_device_samples.py and test_backup.py.
ELSEWHERE = {"docs/analysis-api.md", "docs/devices-api.md", "docs/operations.md"}
# A block with one of these is not run: it installs, serves for ever, needs another machine or somebody else's server, or checks a
# call that has not been made (tests/domain/test_webhook_document.py makes one).
NOT_RUN = re.compile(
    r"^\s*make |\bcalotype (serve|worker)\b|\bpip install\b|\brsync\b|\bpg_dump\b|\bpg_restore\b|\bsystemctl\b|\bopenssl\b",
    re.MULTILINE,
)
# What stands for something of the reader's, and where the reader would take it from.
STAND_INS = {
    ".venv/bin/calotype": "calotype",
    "export KEY=calo_...": ":",
    "ID_OR_KEY": "$(calotype keys create spare)",
    "SESSION_ID": '$(curl -H "Authorization: Bearer $KEY" ADDRESS/api/v2/uploads/sessions | jq -r ".sessions[0].session_id")',
    "dev_550e8400-e29b-41d4-a716-446655440000": "$(calotype devices list --json | jq -r '.devices[0].id')",
    "batch_660e8400-e29b-41d4-a716-446655440001": "$(calotype batches list --json | jq -r '.batches[0].id')",
}
# An answer with an error is a failure here, as it is to the reader; and the other machine is this one.
PRELUDE = 'curl() { command curl -fsS "$@"; }\nssh() { bash -c "$2"; }\n'
MARK = "\x1e"


def blocks(page):
    """The blocks of code of a page in their order: (language, text, whether nothing but a line's end is before it)."""
    text = (ROOT / page).read_text()
    found, end = [], -1
    for match in re.finditer(r"^```(\w*)\n(.*?)^```\n", text, re.MULTILINE | re.DOTALL):
        found.append((match[1], match[2], text[end : match.start()].strip() == ""))
        end = match.end()
    return found


def script_of(page, address):
    """All that is to be run of a page, block by block, each behind a mark; and which blocks these are."""
    numbers = [
        number
        for number, (language, text, _) in enumerate(blocks(page))
        if language == "sh" and not NOT_RUN.search(text)
    ]
    script = "".join(f"printf '\\036{number}\\036'\n{blocks(page)[number][1]}\n" for number in numbers)
    for stand_in, real in STAND_INS.items():
        script = script.replace(stand_in, real)
    return script.replace("ADDRESS", ADDRESS).replace(ADDRESS, address), numbers


def objects(text):
    """The JSON objects that stand in a text."""
    found, place = [], 0
    while (place := text.find("{", place)) >= 0:
        try:
            value, length = json.JSONDecoder().raw_decode(text[place:])
        except ValueError:
            place += 1
        else:
            found.append(value)
            place += length
    return found


def keys(value):
    """What of an answer a page promises: its keys, however deep."""
    if isinstance(value, dict):
        return {key: keys(inner) for key, inner in value.items()}
    return [keys(value[0])] if isinstance(value, list) and value else None


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A server as a newcomer has it, with one image of a device, so that each page stands by itself; and the newcomer's home."""
    home = tmp_path_factory.mktemp("home")
    for place in ("Pictures/2025/May", "scans/box1", "card/DCIM", "archive"):
        (home / place).mkdir(parents=True)
        (home / place / "photo.jpg").write_bytes(photo())
    with RunningServer(tmp_path_factory.mktemp("server"), **QUICK) as running:
        with running.client(running.first_key) as client:
            device = client.post("/api/devices", json={"name": "gate 1"}).json()["data"]["api_key"]
            client.post("/api/device/images/upload", files={"image": photo()}, headers={"X-Device-Key": device})
        yield running, home


@pytest.fixture
def folder(tmp_path):
    """A working folder with the files that pages speak of."""
    for name in ("photo.jpg", "gate.jpg", "1.jpg", "2.jpg", "3.png", "yard.heic"):
        (tmp_path / name).write_bytes(photo())
    for name in ("film.mp4", "dock.mp4"):
        (tmp_path / name).write_bytes(small_film())
    (tmp_path / "manual.pdf").write_bytes(papers.pdf("The torque of the main bearing is forty newton metres."))
    (tmp_path / "bookmarks.html").write_text(
        "<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<DL><DT><H3>Tides</H3><DL><DT><A HREF='https://example.org/a'>A</A></DL></DL>"
    )
    return tmp_path


@pytest.mark.skipif(shutil.which("jq") is None, reason="there is no jq")
@pytest.mark.parametrize("page", READING_ORDER)
def test_every_command_of_a_page_works(own, folder, page):
    """Each succeeds, in the order of the page; where an answer is shown behind a block, the real one has its keys."""
    server, home = own
    script, numbers = script_of(page, server.url)

    printed = run(
        PRELUDE + script, folder, **calotype_environment(server.data_dir, KEY=server.first_key, HOME=str(home))
    )

    told = dict(zip(*[iter(printed.split(MARK)[1:])] * 2, strict=True))
    assert list(told) == [str(number) for number in numbers]
    for number in numbers:
        following = blocks(page)[number + 1 : number + 2]
        if following and following[0][0] == "json" and following[0][2]:
            assert keys(json.loads(following[0][1])) in [keys(answer) for answer in objects(told[str(number)])]
    for path in folder.glob("*.zip"):
        assert zipfile.ZipFile(path).testzip() is None
    if page == "README.md":
        assert (folder / "thumbnail.jpg").read_bytes()[:2] == b"\xff\xd8"


def test_no_page_is_left_out():
    """A new page, or a program in another language, is given a test that runs it."""
    pages = {"README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))}
    runnable = {
        page for page in pages for language, text, _ in blocks(page) if language == "sh" and not NOT_RUN.search(text)
    }
    assert runnable == {*READING_ORDER, *ELSEWHERE}
    programs = {
        (page, language) for page in pages for language, _, _ in blocks(page) if language in {"js", "python", "ts"}
    }
    assert programs == {
        ("docs/analysis-api.md", "js"),
        ("docs/analysis-api.md", "python"),
        ("docs/webhooks.md", "python"),
    }
