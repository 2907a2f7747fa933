"""`calotype import` of trees that hold more than files: what does not come in is told, and nothing is waited for."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import psycopg
import pytest

from tests.cli.test_import import photo
from tests.running import PATIENCE, wait_for


@pytest.fixture
def owner(calotype, request):
    """A tenant of the test's own."""
    assert calotype("keys", "create", "test", "--tenant", request.node.name).returncode == 0
    return request.node.name


@pytest.fixture
def run(calotype, owner):
    """Imports and returns the summary."""

    def go(*arguments, status=0, **settings):
        done = calotype("import", *map(str, arguments), "--tenant", owner, "--json", **settings)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout)

    return go


@pytest.fixture
def names(calotype, owner):
    """Asks for the names of all files of the tenant."""

    def ask():
        found = calotype.sql(
            "SELECT original_filename FROM asset WHERE tenant_id = (SELECT id FROM tenant WHERE name = %s) ORDER BY 1",
            owner,
        )
        return [name for (name,) in found]

    return ask


def filled(folder, *files):
    """A folder with photos in it."""
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(photo())
    return folder


def counts(summary):
    """How many came in, failed and were left out."""
    return summary["imported"], summary["failed"], summary["ignored"]


def test_a_directory_that_cannot_be_read_fails_with_its_path_and_reason(run, names, tmp_path):
    """What lies beside it comes in; this one cannot be read by root either: its path is longer than a path may be."""
    filled(tmp_path, "tree/a.jpg", "tree/z/b.jpg")
    descriptor = os.open(tmp_path / "tree", os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=descriptor)
        above, descriptor = descriptor, os.open("d" * 250, os.O_RDONLY, dir_fd=descriptor)
        os.close(above)
    os.close(descriptor)

    summary = run(tmp_path / "tree", status=1)

    assert counts(summary) == (2, 1, 0)
    (failure,) = summary["failures"]
    assert set(Path(failure["path"]).relative_to(tmp_path / "tree").parts) == {"d" * 250}
    assert "too long" in failure["reason"]
    assert names() == ["a.jpg", "b.jpg"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everywhere")
def test_a_directory_without_permission_fails(run, tmp_path):
    """With the reason that the system gives."""
    closed = filled(tmp_path, "a.jpg", "closed/b.jpg") / "closed"
    closed.chmod(0)
    summary = run(tmp_path, status=1)
    closed.chmod(0o700)
    assert counts(summary) == (1, 1, 0)
    assert summary["failures"] == [{"path": str(closed), "reason": "Permission denied", "url": None}]


def test_a_link_to_a_directory_is_left_out_with_a_note_and_one_that_is_named_is_followed(run, names, tmp_path):
    """It counts as ignored, also where it leads back up; a link to a file is that file."""
    tree = filled(tmp_path / "tree", "a.jpg", "z/b.jpg")
    elsewhere = filled(tmp_path / "elsewhere", "c.jpg", "d.jpg")
    (tree / "album").symlink_to(elsewhere)
    (tree / "z" / "up").symlink_to(tree)
    (tree / ".hidden").symlink_to(elsewhere)
    (tree / "linked.jpg").symlink_to(elsewhere / "d.jpg")

    summary = run(tree)

    assert counts(summary) == (3, 0, 2)
    assert {each["path"] for each in summary["notes"]} == {str(tree / "album"), str(tree / "z" / "up")}
    assert all("link" in each["note"] for each in summary["notes"])
    assert counts(run(tree / "album")) == (1, 0, 0)
    assert names() == ["a.jpg", "b.jpg", "c.jpg", "linked.jpg"]


def test_what_is_no_regular_file_fails_and_nothing_waits_for_it(run, names, tmp_path):
    """A FIFO that nobody writes to, a socket and a device, in the tree or named themselves."""
    filled(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "null.jpg").symlink_to("/dev/null")
    # The path of a socket is short.
    with socket.socket(socket.AF_UNIX) as listener, pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        listener.bind("socket.jpg")
        summary = run(tmp_path, tmp_path / "fifo.jpg", status=1)

    assert counts(summary) == (1, 4, 0)
    assert {Path(each["path"]).name for each in summary["failures"]} == {"fifo.jpg", "null.jpg", "socket.jpg"}
    assert {each["reason"] for each in summary["failures"]} == {"it is no regular file"}
    assert names() == ["a.jpg"]


@pytest.mark.parametrize("objects", ["beside", "linked", "inside"])
def test_the_librarys_own_folders_are_left_out_wherever_they_lie(run, names, tmp_path, objects):
    """The data folder and that of the objects are never imported, so that importing all again adds nothing."""
    tree = filled(tmp_path / "tree", "a.jpg", "deep/data/objects/variant.webp", "store/variant.jpg")
    settings = {"CALOTYPE_DATA_DIR": str(tree / "deep" / "data")}
    left_out = {str(tree / "deep" / "data")}
    expected = ["a.jpg", "variant.jpg"]
    if objects != "inside":
        left_out.add(str(tree / "store"))
        expected = ["a.jpg"]
    if objects == "beside":
        (tmp_path / "other name").symlink_to(tree)
        settings["CALOTYPE_STORAGE_URL"] = f"file://{tmp_path}/other%20name/store"
    elif objects == "linked":
        (tree / "deep" / "data" / "objects").rename(tmp_path / "old")
        (tree / "deep" / "data" / "objects").symlink_to(tree / "store")

    summary = run(tree, **settings)

    assert counts(summary) == (len(expected), 0, len(left_out))
    assert {each["path"] for each in summary["notes"]} == left_out
    assert {each["note"] for each in summary["notes"]} == {"it is the library's own folder"}
    assert counts(run(tree, **settings)) == (0, 0, len(left_out))
    assert names() == expected


@pytest.mark.parametrize("given", ["data", "data/objects", "data/objects/variant.jpg", "link", "store"])
def test_the_librarys_own_folders_cannot_be_named(calotype, owner, names, one_clear_line, tmp_path, given):
    """Nor what lies in them, under whatever name; one line says so, and nothing beside them is imported either."""
    filled(tmp_path, "a.jpg", "data/objects/variant.jpg", "store/variant.jpg")
    (tmp_path / "link").symlink_to("data")
    settings = {"CALOTYPE_DATA_DIR": str(tmp_path / "data"), "CALOTYPE_STORAGE_URL": f"file://{tmp_path}/store"}

    done = calotype("import", str(tmp_path / "a.jpg"), str(tmp_path / given), "--tenant", owner, **settings)

    assert done.returncode == 1
    assert one_clear_line(done.stderr)
    assert f"{tmp_path / given} belongs to the library itself" in done.stderr
    assert names() == []


def test_the_second_ctrl_c_ends_an_import_that_hangs(calotype, owner, tmp_path):
    """The first waits for what is under way, here for a table that somebody else holds."""
    filled(tmp_path, "a.jpg")
    with psycopg.connect(calotype.database_url) as holder:
        holder.execute("LOCK TABLE asset IN ACCESS EXCLUSIVE MODE")
        process = calotype.start("import", str(tmp_path), "--tenant", owner)
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'asset'::regclass"
        wait_for(lambda: calotype.sql(waiting), "the import does not wait for the table")

        def has_ended():
            process.send_signal(signal.SIGINT)
            try:
                return process.wait(0.1) is not None
            except subprocess.TimeoutExpired:
                return False

        try:
            wait_for(has_ended, "the import went on")
        finally:
            process.kill()
            _, errors = process.communicate(PATIENCE)
    assert process.returncode == 130
    assert "Ctrl-C again ends at once" in errors
    assert "Traceback" not in errors
