"""`calotype import`: a folder comes in whole, can be stopped at any moment, and is never doubled."""

from __future__ import annotations

import io
import json
import os
import signal
from pathlib import Path

import pytest
from PIL import Image

from tests.running import PATIENCE, wait_for


def photo(width=64, height=48):
    """A JPEG of noise."""
    stream = io.BytesIO()
    Image.frombytes("RGB", (width, height), os.urandom(width * height * 3)).save(stream, "JPEG", quality=40)
    return stream.getvalue()


@pytest.fixture(scope="module")
def tenant(calotype):
    """Makes tenants."""

    def make(name):
        assert calotype("keys", "create", "test", "--tenant", name).returncode == 0
        return name

    return make


def rows(calotype, tenant):
    """(file name, tags) of all files of a tenant, by name."""
    return calotype.sql(
        "SELECT original_filename, tags FROM asset WHERE tenant_id = (SELECT id FROM tenant WHERE name = %s) ORDER BY 1",
        tenant,
    )


@pytest.fixture
def folder(tmp_path):
    """A folder as people have them."""
    root = tmp_path / "Pictures [2024]"
    (root / "trip" / "day 1").mkdir(parents=True)
    (root / ".thumbnails").mkdir()
    first = photo()
    (root / "a.jpg").write_bytes(first)
    (root / "copy of a.jpg").write_bytes(first)
    (root / "trip" / "b.JPG").write_bytes(photo())
    (root / "trip" / "day 1" / "写真 [x].jpg").write_bytes(photo())
    (root / "trip" / "day 1" / "cafe\u0301.jpg").write_bytes(photo())
    Path(os.fsdecode(os.fsencode(root) + b"/latin-\xe9.jpg")).write_bytes(photo())
    Path(os.fsdecode(os.fsencode(root) + b"/broken-\xe9.jpg")).write_bytes(photo()[:100])
    (root / "notes.xmp").write_text("a sidecar")
    (root / "empty.jpg").touch()
    (root / ".hidden.jpg").write_bytes(photo())
    (root / ".thumbnails" / "t.jpg").write_bytes(photo())
    (root / "dangling.jpg").symlink_to("nowhere.jpg")
    return root


def test_a_folder_is_taken_in_whole_with_what_is_wrong_reported_and_passed_over(calotype, tenant, folder):
    """Nested folders and any names come in; copies once; broken files are named with their reason; the rest is left."""
    owner = tenant("whole")
    arguments = ("import", str(folder), "--tags", "trip, sea ,trip", "--tenant", owner)

    first = calotype(*arguments, "--json")

    summary = json.loads(first.stdout)
    counts = {name: summary[name] for name in ("imported", "skipped", "failed", "ignored", "not_reached")}
    assert counts == {"imported": 5, "skipped": 1, "failed": 3, "ignored": 1, "not_reached": 0}
    failures = {Path(failure["path"]).name: failure["reason"] for failure in summary["failures"]}
    assert failures.keys() == {os.fsdecode(b"broken-\xe9.jpg"), "empty.jpg", "dangling.jpg"}
    assert all(failures.values())
    assert "empty" in failures["empty.jpg"]
    assert "No such file" in failures["dangling.jpg"]
    assert first.returncode == 1
    assert "Traceback" not in first.stderr
    found = rows(calotype, owner)
    assert [tags for _, tags in found] == [["trip", "sea"]] * 5
    names = {name for name, _ in found}
    assert {"b.JPG", "写真 [x].jpg", "caf\u00e9.jpg", "latin-.jpg"} <= names
    assert len(names & {"a.jpg", "copy of a.jpg"}) == 1

    again = calotype(*arguments)

    assert "6 skipped" in again.stdout
    assert "imported" not in again.stdout
    assert "3 failed" in again.stdout
    assert again.returncode == 1
    assert rows(calotype, owner) == found


def test_an_import_without_faults_ends_with_status_0_and_says_how_many_in_one_line(calotype, tenant, tmp_path):
    """Files may be named singly too; one of a kind that is not kept is left out without being a fault."""
    owner = tenant("single")
    files = [tmp_path / "one.jpg", tmp_path / "two.jpg", tmp_path / "notes.xmp"]
    for file in files[:2]:
        file.write_bytes(photo())
    files[2].write_text("a sidecar")

    done = calotype("import", *map(str, files), "--tenant", owner)

    assert done.returncode == 0
    assert done.stdout.startswith("2 imported, 1 ignored in ")
    assert done.stdout.count("\n") == 1
    assert [name for name, _ in rows(calotype, owner)] == ["one.jpg", "two.jpg"]


def test_an_import_that_is_killed_or_interrupted_goes_on_where_it_stopped(calotype, tenant, tmp_path):
    """After kill -9 and after Ctrl-C, running it again ends with every file once, and with every job."""
    owner = tenant("interrupted")
    count = 200
    for index in range(count):
        (tmp_path / f"{index:03}.jpg").write_bytes(photo(32, 24))
    arguments = ("import", str(tmp_path), "--tenant", owner, "--jobs", "2", "--json")

    def begun(more):
        before = len(rows(calotype, owner))
        process = calotype.start(*arguments)
        wait_for(lambda: len(rows(calotype, owner)) >= before + more, "the import did not begin")
        return process

    killed = begun(10)
    killed.kill()
    killed.communicate()
    interrupted = begun(10)
    os.killpg(interrupted.pid, signal.SIGINT)
    output, errors = interrupted.communicate(timeout=PATIENCE)
    summary = json.loads(output)
    assert interrupted.returncode == 130
    assert "Traceback" not in errors
    assert summary["not_reached"] > 0
    assert summary["failed"] == 0
    stopped_at = len(rows(calotype, owner))
    assert summary["imported"] + summary["skipped"] + summary["not_reached"] == count

    last = calotype(*arguments)

    summary = json.loads(last.stdout)
    assert last.returncode == 0
    assert (summary["skipped"], summary["imported"]) == (stopped_at, count - stopped_at)
    assert [name for name, _ in rows(calotype, owner)] == [f"{index:03}.jpg" for index in range(count)]
    waiting = calotype.sql(
        "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' AND args->>'tenant_id' = "
        "(SELECT id::text FROM tenant WHERE name = %s)",
        owner,
    )
    assert waiting == [(count,)]


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("nowhere",), 2, "nowhere"),
        ((".", "--tenant", "nobody"), 1, "nobody"),
        ((".", "--tags", "x" * 51), 1, "50"),
        (("empty",), 1, "no files"),
        ((".", "--jobs", "0"), 2, "jobs"),
    ],
)
def test_an_import_that_cannot_begin_says_why(calotype, tmp_path, monkeypatch, arguments, status, told):
    """A missing folder, an unknown tenant and a bad tag are told before anything is read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.jpg").write_bytes(photo())

    done = calotype("import", *arguments)

    assert done.returncode == status
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert calotype.sql("SELECT 1 FROM asset WHERE original_filename = 'a.jpg' AND tags = %s", [arguments[-1]]) == []


def test_real_photographs_are_imported_with_nothing_refused(calotype, tenant, corpus):
    """Every photograph of the corpus comes in, or is a copy."""
    owner = tenant("corpus")
    folder = corpus / "photos" if (corpus / "photos").is_dir() else corpus

    done = calotype("import", str(folder), "--tenant", owner, "--json")

    summary = json.loads(done.stdout)
    assert summary["failures"] == []
    assert done.returncode == 0
    assert summary["imported"] == len(rows(calotype, owner)) > 0
