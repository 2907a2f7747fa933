"""`calotype search`: what is in the library is found from the command line, for people and for programs."""

from __future__ import annotations

import io
import json
import os

import pytest
from PIL import Image


@pytest.fixture(scope="module")
def filled(calotype, tmp_path_factory):
    """A library with two pictures, one of which has a name and a title that look like markup."""
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("IMG_2041-pier.jpg", "harbour [bold]night.jpg"):
        stream = io.BytesIO()
        Image.frombytes("RGB", (64, 48), os.urandom(64 * 48 * 3)).save(stream, "JPEG")
        (folder / name).write_bytes(stream.getvalue())
    assert calotype("keys", "create", "test", "--tenant", "filled").returncode == 0
    assert calotype("import", str(folder), "--tenant", "filled", "--tags", "sea").returncode == 0
    calotype.sql("UPDATE asset SET title = 'the [/red] one' WHERE original_filename LIKE 'harbour%'")
    return calotype


def test_a_search_shows_a_table_of_what_it_found(filled):
    """Names are shown as they are, whatever stands in them."""
    done = filled("search", "sea", "--tenant", "filled")

    assert done.returncode == 0
    assert "IMG_2041-pier.jpg" in done.stdout
    assert "harbour [bold]night.jpg" in done.stdout
    assert "the [/red] one" in done.stdout
    assert "2 found" in done.stdout


def test_a_search_speaks_json_to_programs(filled):
    """Every field is there, and nothing else is printed."""
    done = filled("search", "pier", "--tenant", "filled", "--json")

    found = json.loads(done.stdout)
    assert found["total_count"] == 1
    assert found["files"][0]["filename"] == "IMG_2041-pier.jpg"
    assert found["files"][0]["tags"] == ["sea"]
    assert found["files"][0].keys() >= {
        "id",
        "title",
        "description",
        "visible_text",
        "created_at",
        "content_created_at",
    }


def test_a_link_is_shown_by_where_it_leads(filled, tmp_path):
    """It has no file name; for programs both keys are there, one of them null."""
    export = tmp_path / "bookmarks.html"
    export.write_text(
        '<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<DL><DT><A HREF="https://tides.example.org/north">N</A></DL>'
    )
    assert filled("import", str(export), "--tenant", "filled", "--no-crawl").returncode == 0

    found = json.loads(filled("search", "tides", "--tenant", "filled", "--json").stdout)["files"]

    assert [(file["media_type"], file["filename"], file["source_url"]) for file in found] == [
        ("link", None, "https://tides.example.org/north")
    ]
    assert "https://tides.exam" in filled("search", "tides", "--tenant", "filled").stdout


def test_the_limit_bounds_what_is_shown_and_not_what_is_counted(filled):
    """The count is of all that was found."""
    found = json.loads(filled("search", "sea", "--tenant", "filled", "--limit", "1", "--json").stdout)

    assert (len(found["files"]), found["total_count"]) == (1, 2)


def test_a_search_for_bytes_that_are_no_text_finds_nothing(filled):
    """What a terminal hands over need not be valid; it is no reason to fail."""
    done = filled("search", os.fsdecode(b"\xff\xfe"), "--tenant", "filled", "--json")

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_a_search_in_a_library_that_does_not_exist_says_how_to_make_it(filled, one_clear_line):
    """The complaint names the command."""
    done = filled("search", "sea", "--tenant", "nobody")

    assert done.returncode == 1
    assert one_clear_line(done.stderr)
    assert "keys create" in done.stderr
