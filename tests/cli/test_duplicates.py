"""`calotype duplicates`: groups for people and for programs, and nothing is changed."""

from __future__ import annotations

import json

import pytest

BUSY = 0xF0F0F0F0F0F0F0F1


@pytest.fixture(scope="module")
def library(calotype):
    """Two twins, a smaller look-alike, and a stranger; returns their ids by name."""
    calotype("keys", "create", "x", "--tenant", "family")
    files = {"[b]est.jpg": (BUSY, 4000, 1), "twin.jpg": (BUSY, 4000, 1), "small.jpg": (BUSY ^ 0b111, 1000, 2)}
    files["stranger.jpg"] = (~BUSY & (1 << 64) - 1, 5000, 3)
    ids = {}
    for age, (name, (phash, width, content)) in enumerate(files.items()):
        ((ids[name],),) = calotype.sql(
            "INSERT INTO asset (id, tenant_id, media_type, content_type, format, upload_method, object_key, "
            "original_filename, size_bytes, checksum, storage_target, auto_describe, tags, created_at, updated_at, "
            "variants, has_description, search, width, height) SELECT gen_random_uuid(), id, 'image', 'image/jpeg', "
            "'jpeg', 'STREAMING', %s, %s, 1000, sha256(%s::text::bytea), 'default', true, '{}', "
            "now() + %s * interval '1 minute', now(), '{}', false, '', %s, 3000 FROM tenant WHERE name = 'family' "
            "RETURNING id::text",
            f"uploads/family/{name}",
            name,
            content,
            age,
            width,
        )
        calotype.sql(
            "INSERT INTO perceptual_hash SELECT id, tenant_id, %s::bit(64) FROM asset WHERE id = %s",
            f"{phash:064b}",
            ids[name],
        )
    return ids


def test_groups_tell_what_to_keep(calotype, library):
    """The best comes first, twins are identical, look-alikes have their distance; strangers are in no group."""
    done = calotype("duplicates", "--tenant", "family", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (group,) = json.loads(done.stdout)["groups"]
    assert (group["likeness"], group["distance"], group["spare_bytes"]) == ("alike", 3, 2000)
    assert group["keep"] == library["[b]est.jpg"]
    told = [(file["filename"], file["likeness"], file["distance"]) for file in group["files"]]
    assert told == [("[b]est.jpg", "identical", 0), ("twin.jpg", "identical", 0), ("small.jpg", "alike", 3)]
    assert group["files"][2]["id"] == library["small.jpg"]
    assert group["files"][2]["object_key"] == "uploads/family/small.jpg"
    assert (group["files"][2]["width"], group["files"][2]["height"]) == (1000, 3000)


def test_an_id_is_whole_on_a_narrow_terminal_too(calotype, library):
    """It is what a program that deletes is given, so it can be copied from 80 columns."""
    shown = calotype("duplicates", "--tenant", "family", FORCE_COLOR="1", TERM="dumb", COLUMNS="80").stdout
    assert all(library[name] in shown for name in ("[b]est.jpg", "twin.jpg", "small.jpg"))


def test_the_table_is_for_people(calotype, library):
    """Each file has a line with its verdict, and the last line sums up."""
    lines = calotype("duplicates", "--tenant", "family").stdout.splitlines()
    verdicts = {
        name: line.strip("│").split("│")[0].strip() for name in library for line in lines if f" {name} " in line
    }
    assert verdicts == {"[b]est.jpg": "keep", "twin.jpg": "identical", "small.jpg": "alike (3)"}
    assert any("alike, at most 3 bits apart" in line for line in lines)
    assert lines[-1] == "1 groups, 3 files, 2 kB beside those to keep"


def test_the_distance_decides(calotype, library):
    """At a distance of 2 only the twins are left, and they are identical."""
    done = calotype("duplicates", "--tenant", "family", "--max-distance", "2", "--json")
    (group,) = json.loads(done.stdout)["groups"]
    assert (group["likeness"], group["distance"], len(group["files"])) == ("identical", 0, 2)


def test_nothing_is_changed(calotype, library):
    """The command only tells."""
    before = calotype.sql("SELECT a::text FROM asset AS a ORDER BY id")
    calotype("duplicates", "--tenant", "family")
    assert calotype.sql("SELECT a::text FROM asset AS a ORDER BY id") == before


def test_a_library_without_any_says_so(calotype):
    """No group is a result, not an error."""
    calotype("keys", "create", "x", "--tenant", "empty")
    assert calotype("duplicates", "--tenant", "empty").stdout == "0 groups, 0 files, 0 B beside those to keep\n"
    assert json.loads(calotype("duplicates", "--tenant", "empty", "--json").stdout) == {"groups": []}


def test_unknown_tenants_and_distances_are_refused(calotype, library, one_clear_line):
    """The first is a complaint with status 1, the second one of usage with status 2."""
    unknown = calotype("duplicates", "--tenant", "nobody")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert one_clear_line(unknown.stderr)
    assert calotype("duplicates", "--max-distance", "17").returncode == 2
