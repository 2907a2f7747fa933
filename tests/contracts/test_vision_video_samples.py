"""The vendor's own samples for videos, run as they stand with only base URL, key, ids, and files changed: section 1.9.

The samples are read where their text lies, beside the corpus, and are never part of this project. A web page was turned into
that text: lines of shell begin with `$` and `> `, lines of Python with their number, and indentation is one space or none.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

from tests.contracts.shapes import conforms
from tests.contracts.video_shapes import DELETED, UPLOADED, VIDEOS
from tests.contracts.videos import demo, indexed, listed, new_group, plant, video
from tests.e2e.shell import run, run_program

NAME = "001_e710cdf01b3a2574.txt"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# How deep each line of the bulk upload stands, of which the text tells nothing.
BULK_LEVELS = (0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 2, 3, 3, 0, 1, 2, 2, 0, 1, 0, 1, 1, 2, 3, 4, 4, 5, 3, 4, 1)


@pytest.fixture(scope="module")
def seed():
    """The lines of the vendor's page."""
    corpus = os.environ.get("CALOTYPE_CORPUS")
    path = Path(corpus).parent / "seeds" / NAME if corpus else None
    if path is None or not path.exists():
        pytest.skip("the vendor's text is not at hand")
    return path.read_text().splitlines()


@pytest.fixture(scope="module")
def shell(seed):
    """The samples for a shell, in their order: two uploads, get, list, and delete."""
    found, current = [], []
    for line in [*seed, ""]:
        if line.startswith("$"):
            current = [line[1:]]
        elif current and line.startswith("> "):
            current.append(line[2:])
        elif current:
            found.append("\n".join(current) + "\n")
            current = []
    assert len(found) == 5
    return found


@pytest.fixture(scope="module")
def python(seed):
    """The samples in Python, in their order: two uploads, the bulk upload, get, list, and delete; each a list of lines."""
    found, current = [], []
    for line in [*seed, "end"]:
        number = re.match(rf"{len(current) + 1}(?!\d)", line)
        if number:
            current.append(line[number.end() :])
        elif current:
            found.append(current)
            current = []
    assert len(found) == 6
    return found


def filled(text, server, key, **changes):
    """A sample with this server's address and this key, and what else differs here, in place of the page's own."""
    text = re.sub(r"https://vision-agent[^/\s]+", server.url, text).replace("YOUR_API_KEY", key)
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    return text


def run_python(lines, server, key, folder, **changes):
    """Run a sample in Python; returns the status that it prints and the body."""
    pytest.importorskip("requests")
    before = f"import requests\nBASE_URL, REKA_API_KEY = {server.url!r}, {key!r}\n"
    text = filled("\n".join(_indented(lines)), server, key, **changes)
    script = folder / "sample.py"
    script.write_text(f"{before}{text}\nprint(response.text)\n")
    *_, status, body = run_program([sys.executable, str(script)], folder, **os.environ).splitlines()
    return int(status.split()[0]), json.loads(body)


def _indented(lines):
    """The lines with an indentation that Python reads: four spaces for one, but none within brackets."""
    depth = 0
    for line in lines:
        yield line.strip() if depth or not line.startswith(" ") else "    " + line.strip()
        code = line.partition("#")[0]
        depth += sum(code.count(mark) for mark in "([{") - sum(code.count(mark) for mark in ")]}")


def uploaded(body, status="upload_initiated"):
    """The id in the answer to an upload."""
    conforms(body, UPLOADED)
    assert body["status"] == status
    return body["video_id"]


def shown(body):
    """The ids in the answer to a reading."""
    conforms(body, VIDEOS)
    return [each["video_id"] for each in body["results"]]


def _id_of(text):
    (found,) = set(UUID.findall(text))
    return found


# ------------------------------------------------------------------------------ curl


def test_curl_uploads_a_file(cinema, key_of_cinema, shell, tmp_path):
    """Into a group, to be indexed."""
    key, client = key_of_cinema
    group = new_group(client, "Docks")["group_id"]
    (tmp_path / "video.mp4").write_bytes(demo())
    text = filled(shell[0], cinema, key, group=(_id_of(shell[0]), group))
    now = indexed(client, uploaded(json.loads(run(text, tmp_path, **os.environ))))
    assert (now["metadata"]["video_name"], now["group_id"]) == ("my_video.mp4", group)


def test_curl_uploads_a_url(cinema, key_of_cinema, shell, sources, tmp_path):
    """With the film in the place of the page, which nobody here may visit."""
    key, client = key_of_cinema
    url = sources.publish(demo(), name="a.mp4")
    text = filled(shell[1], cinema, key, url=(re.search(r"https://www[^\"]+", shell[1]).group(), url))
    video_id = uploaded(json.loads(run(text, tmp_path, **os.environ)), "download_initiated")
    now = indexed(client, video_id)
    assert (now["metadata"]["video_name"], now["metadata"]["source"], now["group_id"]) == (
        "my_video.mp4",
        url,
        "default",
    )


def test_curl_gets_lists_and_deletes(cinema, key_of_cinema, shell, tmp_path):
    """One by its id, all with a JSON type and no body, and a DELETE with a JSON body."""
    key, client = key_of_cinema
    known = plant(client, 2)
    get, everything, delete = (filled(text, cinema, key) for text in shell[2:])
    said = run(get.replace(_id_of(get), known[0]), tmp_path, **os.environ)
    assert shown(json.loads(said)) == known[:1]
    assert shown(json.loads(run(everything, tmp_path, **os.environ))) == known[::-1]
    body = json.loads(run(delete.replace(_id_of(delete), known[0]), tmp_path, **os.environ))
    conforms(body, DELETED)
    assert body["deleted"] == known[:1]
    assert listed(client) == known[1:]


# ------------------------------------------------------------------------------ Python


def test_python_uploads_a_file(cinema, key_of_cinema, python, tmp_path):
    """Booleans as Python writes them, the other name of the start time, and a path as the name of the file."""
    key, client = key_of_cinema
    group = new_group(client, "Docks")["group_id"]
    path = tmp_path / "content" / "demo.mp4"
    path.parent.mkdir()
    path.write_bytes(demo())
    text = "\n".join(python[0])
    changes = {"group": (_id_of(text), group), "path": ("/content/demo.mp4", str(path))}
    status, body = run_python(python[0], cinema, key, tmp_path, **changes)
    assert status == 200
    now = indexed(client, uploaded(body))
    assert (now["metadata"]["video_name"], now["group_id"]) == ("vid16", group)
    assert now["metadata"]["video_start_timestamp_utc_ms"] == 1744484745000
    assert now["metadata"]["thumbnails"] is None


def test_python_uploads_a_url(cinema, key_of_cinema, python, sources, tmp_path):
    """Urlencoded, because there is no file."""
    key, client = key_of_cinema
    url = sources.publish(demo(), name="a.mp4")
    changes = {"url": (re.search(r"https://www[^\"]+", "\n".join(python[1])).group(), url)}
    status, body = run_python(python[1], cinema, key, tmp_path, **changes)
    assert status == 200
    now = indexed(client, uploaded(body, "download_initiated"))
    assert (now["metadata"]["source"], now["metadata"]["video_start_timestamp_utc_ms"]) == (url, 1744484745000)


def test_python_uploads_many(cinema, key_of_cinema, python, tmp_path):
    """With the function that the sample leaves out; each gives the id that it looks for."""
    key, client = key_of_cinema
    lines = [line.strip() for line in python[2]]
    assert len(lines) == len(BULK_LEVELS)
    text = "\n".join("    " * level + line for level, line in zip(BULK_LEVELS, lines, strict=True))
    sending = f"""
async def send_upload_request(video_path, api_key, caption_mode):
    async with httpx.AsyncClient(timeout=60, verify=False) as client:
        with open(video_path, "rb") as file:
            data = {{"index": True, "video_name": os.path.basename(video_path), "caption_mode": caption_mode}}
            files = {{"file": (video_path[1:], file, "video/mp4")}}
            url, headers = {cinema.url!r} + "/videos/upload", {{"X-Api-Key": api_key}}
            return await client.post(url, headers=headers, data=data, files=files)
"""
    paths = []
    for number in range(3):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(demo())
        paths.append(str(path))
    script = tmp_path / "bulk.py"
    script.write_text(f"{text}\n{sending}\nprint(json.dumps(asyncio.run(bulk_upload_videos({paths!r}, {key!r}))))\n")
    made = json.loads(run_program([sys.executable, str(script)], tmp_path, **os.environ))
    assert list(made) == paths
    assert sorted(made.values()) == sorted(listed(client))
    for path, video_id in made.items():
        assert video(client, video_id)["metadata"]["video_name"] == Path(path).name


def test_python_gets_lists_and_deletes(cinema, key_of_cinema, python, tmp_path):
    """Urlencoded ids, no body at all, and ids in the body of a DELETE."""
    key, client = key_of_cinema
    known = plant(client, 2)
    one = {"id": (_id_of("\n".join(python[3])), known[0])}
    status, body = run_python(python[3], cinema, key, tmp_path, **one)
    assert (status, shown(body)) == (200, known[:1])
    status, body = run_python(python[4], cinema, key, tmp_path)
    assert (status, shown(body)) == (200, known[::-1])
    status, body = run_python(python[5], cinema, key, tmp_path, **one)
    conforms(body, DELETED)
    assert (status, body["deleted"], listed(client)) == (200, known[:1], known[1:])


@pytest.fixture
def key_of_cinema(cinema):
    """A key and a client of a tenant of its own."""
    key = cinema.new_key()
    with cinema.client(key) as client:
        yield key, client
