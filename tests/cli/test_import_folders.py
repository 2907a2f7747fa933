"""`calotype import --folder` and `--mirror`: files come into folders that are made as needed and never twice."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.test_import import photo

_FILES = """
WITH RECURSIVE way AS (
    SELECT id, name AS path FROM folder WHERE parent_id IS NULL AND tenant_id = (SELECT id FROM tenant WHERE name = %(tenant)s)
    UNION ALL SELECT folder.id, path || '/' || folder.name FROM folder JOIN way ON parent_id = way.id)
"""


@pytest.fixture
def owner(calotype, request):
    """A tenant of the test's own."""
    assert calotype("keys", "create", "test", "--tenant", request.node.name).returncode == 0
    return request.node.name


@pytest.fixture
def look(calotype, owner):
    """Makes (all folder paths, {file name: folder path}) of the tenant."""

    def ask(query):
        return calotype.sql(_FILES.replace("%(tenant)s", f"'{owner}'") + query)

    def found():
        folders = [path for (path,) in ask('SELECT path FROM way ORDER BY path COLLATE "C"')]
        tenant = f"(SELECT id FROM tenant WHERE name = '{owner}')"
        files = ask(
            f"SELECT original_filename, path FROM asset LEFT JOIN way ON way.id = folder_id WHERE tenant_id = {tenant}"
        )
        return folders, dict(files)

    return found


@pytest.fixture
def run(calotype, owner):
    """Imports and returns the summary."""

    def go(*arguments, status=0):
        done = calotype("import", *map(str, arguments), "--tenant", owner, "--json")
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout)

    return go


@pytest.fixture
def pictures(tmp_path):
    """A directory with directories in it."""
    root = tmp_path / "Pictures"
    for name in ("top.jpg", "2025/june.jpg", "2026/may/a.jpg", "2026/may/b.jpg", ".hidden/no.jpg"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(photo())
    (root / "empty").mkdir()
    (root / "notes").mkdir()
    (root / "notes" / "n.xmp").write_text("a sidecar")
    return root


def test_a_folder_is_made_with_all_above_it_and_takes_every_file(run, look, pictures):
    """`--folder` alone does not look at directories; run again or for other files it is the same folder."""
    assert run(pictures, "--folder", " Trips / 2026/")["imported"] == 4
    assert look() == (["Trips", "Trips/2026"], dict.fromkeys(["top.jpg", "june.jpg", "a.jpg", "b.jpg"], "Trips/2026"))
    more = pictures.parent / "more.jpg"
    more.write_bytes(photo())
    assert run(pictures, more, "--folder", "Trips/2026", "--jobs", "8")["skipped"] == 4
    folders, files = look()
    assert folders == ["Trips", "Trips/2026"]
    assert files["more.jpg"] == "Trips/2026"


def test_directories_become_folders_from_the_given_one_down(run, look, pictures):
    """`--mirror` makes what holds pictures and nothing else, below `--folder` if that is given too."""
    expected = {"top.jpg": "", "june.jpg": "/2025", "a.jpg": "/2026/may", "b.jpg": "/2026/may"}
    summary = run(pictures, "--mirror", "--jobs", "8")
    assert (summary["imported"], summary["ignored"], summary["failed"]) == (4, 1, 0)
    names = ["Pictures", "Pictures/2025", "Pictures/2026", "Pictures/2026/may"]
    assert look() == (names, {name: f"Pictures{below}" for name, below in expected.items()})

    single = pictures.parent / "single.jpg"
    single.write_bytes(photo())
    (pictures / "2026" / "new.jpg").write_bytes(photo())
    summary = run(pictures, single, "--mirror", "--folder", "All")
    assert (summary["imported"], summary["skipped"]) == (2, 4)
    folders, files = look()
    assert folders == ["All", "All/Pictures", "All/Pictures/2026", *names]
    assert (files["single.jpg"], files["new.jpg"]) == ("All", "All/Pictures/2026")
    assert files["a.jpg"] == "Pictures/2026/may", "what was there already stays where it is"


@pytest.mark.parametrize("given", [".", "../Pictures", "../Pictures/", "link"])
def test_the_given_directory_has_the_name_it_was_reached_by(calotype, owner, look, pictures, monkeypatch, given):
    """A dot, a way back and a slash at the end make no difference; a link keeps its own name."""
    monkeypatch.chdir(pictures)
    if given == "link":
        monkeypatch.chdir(pictures.parent)
        Path("link").symlink_to(pictures)
    assert calotype("import", given, "--mirror", "--tenant", owner).returncode == 0
    assert look()[1]["top.jpg"] == ("link" if given == "link" else "Pictures")


def test_many_jobs_and_many_programs_make_each_folder_once(calotype, owner, look, tmp_path):
    """Three imports of trees with the same directories at the same time: no fault, and no folder twice."""
    trees = []
    for number in range(3):
        for folder in range(6):
            place = tmp_path / str(number) / "tree" / str(folder % 3) / "deep" / str(folder)
            place.mkdir(parents=True)
            (place / f"{number}-{folder}.jpg").write_bytes(photo())
        trees.append(tmp_path / str(number) / "tree")
    started = [
        calotype.start("import", str(tree), "--mirror", "--tenant", owner, "--jobs", "6", "--json") for tree in trees
    ]
    for process in started:
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert json.loads(output)["imported"] == 6
    folders, files = look()
    assert len(folders) == len(set(folders)) == 1 + 3 + 3 + 6
    assert files == {f"{n}-{f}.jpg": f"tree/{f % 3}/deep/{f}" for n in range(3) for f in range(6)}


def test_directories_that_cannot_be_folders_are_told_and_pass_by(run, look, tmp_path):
    """Bad names and too deep trees fail file by file with the reason; everything else comes in; nothing is left of them."""
    root = tmp_path / "root"
    deep = root.joinpath(*"bcdefghijk")
    bad = [root / "back\\slash", root / "new\nline", Path(os.fsdecode(os.fsencode(root) + b"/latin-\xe9")), deep / "l"]
    for number, place in enumerate([*bad, root / " spaced ", root / "spaced", root / "e\u0301", root / "\u00e9", deep]):
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.jpg").write_bytes(photo())
    (bad[0] / "notes.xmp").write_text("a sidecar")

    summary = run(root, "--mirror", status=1)

    assert (summary["imported"], summary["failed"], summary["ignored"]) == (5, 4, 1)
    reasons = {Path(failure["path"]).name: failure["reason"] for failure in summary["failures"]}
    assert reasons.keys() == {f"{number}.jpg" for number in range(4)}
    assert "\\" in reasons["0.jpg"]
    assert "control characters" in reasons["1.jpg"]
    assert "Unicode" in reasons["2.jpg"]
    assert "11 deep" in reasons["3.jpg"]
    folders, files = look()
    assert files == {
        "4.jpg": "root/spaced",
        "5.jpg": "root/spaced",
        "6.jpg": "root/\u00e9",
        "7.jpg": "root/\u00e9",
        "8.jpg": "root/b/c/d/e/f/g/h/i/j/k",
    }
    assert len(folders) == 13


@pytest.mark.parametrize("folder", ["a\\b", "x" * 256, "/".join("abcdefghijkl")])
def test_a_folder_that_cannot_be_is_told_before_anything_is_read(
    calotype, owner, look, pictures, one_clear_line, folder
):
    """One line, exit status 1, nothing imported."""
    done = calotype("import", str(pictures), "--folder", folder, "--tenant", owner)
    assert done.returncode == 1
    assert one_clear_line(done.stderr)
    assert look() == ([], {})
