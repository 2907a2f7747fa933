"""The vendor's own samples for images, run as they stand with only base URL, key, files and ids changed: section 1.9.

The samples are read where their text lies, beside the corpus, and are never part of this project. A web page was turned into
that text: lines of shell begin with `$` and `> `, lines of Python with their number, and indentation is gone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.photos import photo
from tests.contracts.shapes import conforms
from tests.contracts.vision import plant, stored
from tests.contracts.vision_shapes import DELETED, IMAGES
from tests.running import PATIENCE

SAMPLES = ("upload", "get", "list", "delete")
NAME = "000_746a261e86eef413.txt"


@pytest.fixture(scope="module")
def seed():
    """The lines of the vendor's page."""
    corpus = os.environ.get("CALOTYPE_CORPUS")
    path = Path(corpus).parent / "seeds" / NAME if corpus else None
    if path is None or not path.exists():
        pytest.skip("the vendor's text is not at hand")
    return path.read_text().splitlines()


def shell_samples(lines):
    """The samples for a shell, by the last word of their path."""
    found, current = {}, []
    for line in [*lines, ""]:
        if line.startswith("$"):
            current = [line[1:]]
        elif current and line.startswith("> "):
            current.append(line[2:])
        elif current:
            text = "\n".join(current)
            found[re.search(r"/images/(\w+)", text).group(1)] = text
            current = []
    return found


def python_samples(lines):
    """The samples in Python, by the last word of their path, indented again."""
    found, current = {}, []
    for line in [*lines, "end"]:
        number = re.match(r"\d+", line)
        if number and int(number.group()) == len(current) + 1:
            current.append(line[number.end() :])
        elif current:
            text = indented(current)
            found[re.search(r"/images/(\w+)", text).group(1)] = text
            current = []
    return found


def indented(lines):
    """The lines of a sample with an indentation that Python reads.

    Within brackets none is needed. After a line that ends in a colon outside of brackets a block begins; it ends before `else:`,
    before an empty line, before a line without brackets around it that follows the last one of a `for`, and with the text.
    """
    out, depth, level = [], 0, 0
    for line in lines:
        text = line.strip()
        if depth == 0 and (text == "" or text.startswith(("else:", "#"))):
            level = 0
        out.append("    " * level + text)
        depth += sum(text.count(mark) for mark in "([{") - sum(text.count(mark) for mark in ")]}")
        if depth == 0 and text.endswith(":"):
            level = 1
        elif depth == 0 and level and _ends_loop(out, text):
            level = 0
    return "\n".join(out) + "\n"


def _ends_loop(out, text):
    """Whether the body of a `for`, of which the samples have one, is over: its last statement closed a bracket."""
    loops = [line for line in out if line.startswith("for ")]
    return bool(loops) and text == ")" and not any(line.startswith("if ") for line in out)


@pytest.fixture
def owner(server):
    """A key and a client of a tenant of its own."""
    key = server.new_key()
    with server.client(key) as client:
        yield key, client


def filled(text, server, key, ids):
    """A sample with this server's address, this key, and these ids in place of the page's own."""
    text = re.sub(r"https://[^/\s]+", server.url, text).replace("YOUR_API_KEY", key)
    shown = list(dict.fromkeys(re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", text)))
    for old, new in zip(shown, ids, strict=False):
        text = text.replace(old, new)
    return text


def run_shell(text, folder):
    """Run a sample for a shell; returns the JSON it prints."""
    for name in ("image1.jpg", "image2.jpg"):
        (folder / name).write_bytes(photo())
    if shutil.which("curl") is None or shutil.which("bash") is None:
        pytest.skip("curl or bash is not installed")
    script = text.replace("/path/to/", f"{folder}/")
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, timeout=PATIENCE, check=True, text=True, env=environment
    )
    return json.loads(done.stdout)


def run_python(text, folder, **names):
    """Run a sample in Python with these names defined before it; returns its process and the last answer's status and text."""
    pytest.importorskip("requests")
    picture = folder / "picture.jpg"
    picture.write_bytes(photo())
    defined = "".join(f"{name} = {value!r}\n" for name, value in names.items())
    before = f"import requests\ndef get_image(): return open({str(picture)!r}, 'rb').read()\n{defined}"
    after = "import sys\n_tell = lambda: print(response.status_code, response.text, sep='\\n', file=sys.stderr)\n"
    script = folder / "sample.py"
    script.write_text(f"{before}{after}import atexit; atexit.register(_tell)\n{text}")
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, timeout=PATIENCE, check=False, text=True, env=environment
    )
    *_, status, body = done.stderr.strip().splitlines()
    return done, int(status), json.loads(body)


# ------------------------------------------------------------------------------ what the page has


def test_the_page_has_a_sample_of_each_kind_for_each_route(seed):
    """Four routes, in the shell and in Python; every sample in Python can be compiled."""
    assert shell_samples(seed).keys() == set(SAMPLES)
    samples = python_samples(seed)
    assert samples.keys() == set(SAMPLES)
    for name, text in samples.items():
        compile(text, name, "exec")


# ------------------------------------------------------------------------------ in a shell


def test_curl_uploads_two_images(seed, server, owner, tmp_path):
    """Both are there, in order, and are being indexed."""
    key, client = owner
    answer = run_shell(filled(shell_samples(seed)["upload"], server, key, []), tmp_path)
    conforms(answer, IMAGES)
    first, second = answer["results"]
    assert {first["indexing_status"], second["indexing_status"]} <= {1, 2}
    assert client.get(first["image_url"]).content == (tmp_path / "image1.jpg").read_bytes()
    assert client.get(second["image_url"]).content == (tmp_path / "image2.jpg").read_bytes()


def test_curl_gets_images(seed, server, owner, tmp_path):
    """The two of its body, in its order."""
    key, client = owner
    known = plant(client, 3)[::-1]
    answer = run_shell(filled(shell_samples(seed)["get"], server, key, known), tmp_path)
    conforms(answer, IMAGES)
    assert [image["image_id"] for image in answer["results"]] == known[:2]


def test_curl_lists_images_of_one_second(seed, server, owner, tmp_path):
    """The filter's two equal ends find what was recorded then."""
    key, client = owner
    second = int(re.search(r'"_from": (\d+)', shell_samples(seed)["list"]).group(1))
    times = [{"recorded_timestamp_utc": second + more} for more in (-1, 0, 0.5)]
    entries = [{"indexing_config": {"index": False}, "metadata": metadata} for metadata in times]
    images = stored(client, *entries)
    answer = run_shell(filled(shell_samples(seed)["list"], server, key, []), tmp_path)
    conforms(answer, IMAGES)
    assert [image["image_id"] for image in answer["results"]] == [images[1]["image_id"]]


def test_curl_deletes_images(seed, server, owner, tmp_path):
    """The two of its body, with the confirmation."""
    key, client = owner
    known = plant(client, 3)
    answer = run_shell(filled(shell_samples(seed)["delete"], server, key, known), tmp_path)
    conforms(answer, DELETED)
    assert answer["deleted"] == known[:2]
    assert [image["image_id"] for image in client.get("/images").json()["results"]] == known[2:]


# ------------------------------------------------------------------------------ in Python


def test_python_uploads_without_its_key(seed, server, owner, tmp_path):
    """The sample builds its headers and does not pass them, so it is told that the key is missing."""
    key, client = owner
    text = python_samples(seed)["upload"]
    done, status, body = run_python(text, tmp_path, BASE_URL=server.url, REKA_API_KEY=key)
    assert (status, body["error"]["code"]) == (401, "missing_api_key")
    assert done.returncode != 0
    assert "ValueError" in done.stderr
    assert client.get("/images").json() == {"results": []}


def test_python_uploads_with_its_key(seed, server, owner, tmp_path):
    """The same sample with its headers passed uploads ten images."""
    key, client = owner
    text = python_samples(seed)["upload"].replace("data=data,", "data=data, headers=headers,")
    done, status, body = run_python(text, tmp_path, BASE_URL=server.url, REKA_API_KEY=key)
    assert (status, done.returncode) == (200, 0)
    assert done.stdout.startswith("Upload successful")
    conforms(body, IMAGES)
    assert len(body["results"]) == 10
    listed = [image["image_id"] for image in client.get("/images").json()["results"]]
    assert listed == [image["image_id"] for image in body["results"]][::-1]


def test_python_gets_images(seed, server, owner, tmp_path):
    """In the order of its list."""
    key, client = owner
    known = plant(client, 2)
    text = python_samples(seed)["get"]
    _, status, body = run_python(text, tmp_path, BASE_URL=server.url, REKA_API_KEY=key, image_ids=known)
    assert status == 200
    assert [image["image_id"] for image in body["results"]] == known


def test_python_lists_images_of_one_second(seed, server, owner, tmp_path):
    """As the sample for the shell does."""
    key, client = owner
    text = python_samples(seed)["list"]
    second = int(re.search(r'"_from": (\d+)', text).group(1))
    times = [{"recorded_timestamp_utc": second + more} for more in (0, 1)]
    images = stored(client, *({"indexing_config": {"index": False}, "metadata": each} for each in times))
    _, status, body = run_python(text, tmp_path, BASE_URL=server.url, REKA_API_KEY=key)
    assert status == 200
    assert [image["image_id"] for image in body["results"]] == [images[0]["image_id"]]


def test_python_deletes_images(seed, server, owner, tmp_path):
    """And prints the confirmation."""
    key, client = owner
    known = plant(client, 2)
    text = python_samples(seed)["delete"]
    done, status, body = run_python(text, tmp_path, BASE_URL=server.url, REKA_API_KEY=key, image_ids=known)
    assert (status, done.returncode, body["deleted"]) == (200, 0, known)
    assert done.stdout.startswith("Delete successful")
