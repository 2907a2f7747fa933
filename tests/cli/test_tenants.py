"""`calotype tenants`: what each has used, and limits that can be set and taken away."""

from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="module")
def tenant(calotype):
    """A tenant with two files of which one is in the trash; its name would be markup if it were not escaped."""
    assert calotype("keys", "create", "x", "--tenant", "[bold]harbour").returncode == 0
    calotype("keys", "create", "x", "--tenant", "archive")
    for number in (1, 2):
        calotype.sql(
            "INSERT INTO asset (id, tenant_id, media_type, content_type, format, upload_method, object_key, "
            "original_filename, size_bytes, checksum, storage_target, auto_describe, tags, created_at, updated_at, "
            "deleted_at, variants, has_description, search) SELECT gen_random_uuid(), id, 'image', 'image/jpeg', 'jpeg', "
            "'STREAMING', 'k', 'n', 1500000, '', 'default', true, '{}', now(), now(), "
            "CASE WHEN %s = 2 THEN now() END, '{}', false, '' FROM tenant WHERE name = '[bold]harbour'",
            number,
        )
    return "[bold]harbour"


def figures(calotype, name):
    """One tenant of the list for programs."""
    listed = json.loads(calotype("tenants", "list", "--json").stdout)
    assert [one["name"] for one in listed] == sorted(one["name"] for one in listed)
    (found,) = [one for one in listed if one["name"] == name]
    return found


def test_the_list_shows_usage_and_limits_of_all_tenants(calotype, tenant):
    """For people and for programs; the trash counts as bytes and as uploads, but not as files."""
    expected = {
        "name": tenant,
        "files": 1,
        "stored_bytes": 3_000_000,
        "max_bytes": None,
        "uploads_this_month": 2,
        "max_uploads_per_month": None,
    }
    found = figures(calotype, tenant)
    assert found.pop("id")
    assert found == expected
    line = next(line for line in calotype("tenants", "list").stdout.splitlines() if tenant in line)
    assert [cell.strip() for cell in line.strip("│").split("│")] == [tenant, "1", "3 MB", "-", "2", "-"]
    assert "archive" in calotype("tenants", "list").stdout


def test_limits_are_set_one_by_one_and_taken_away(calotype, tenant):
    """Sizes are read as people write them; what is not named stays."""
    done = calotype("tenants", "set-limits", tenant, "--max-bytes", "500GB")
    assert (done.returncode, done.stderr) == (0, "")
    assert "500 GB" in done.stdout
    calotype("tenants", "set-limits", tenant, "--max-uploads-per-month", "1200")
    found = figures(calotype, tenant)
    assert (found["max_bytes"], found["max_uploads_per_month"]) == (500_000_000_000, 1200)
    shown = calotype("tenants", "show", tenant).stdout
    assert tenant in shown
    assert "500 GB" in shown
    assert "1200" in shown
    assert json.loads(calotype("tenants", "show", tenant, "--json").stdout) == found

    done = calotype("tenants", "set-limits", tenant, "--max-bytes", "none", "--max-uploads-per-month", "none", "--json")
    assert json.loads(done.stdout) == {**found, "max_bytes": None, "max_uploads_per_month": None}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("show", "nobody"), "nobody"),
        (("set-limits", "nobody", "--max-bytes", "1"), "nobody"),
        (("set-limits", "archive"), "--max-bytes"),
        (("set-limits", "archive", "--max-bytes", "much"), "much"),
        (("set-limits", "archive", "--max-bytes", "-1"), "-1"),
        (("set-limits", "archive", "--max-bytes", "99999999PB"), "between"),
        (("set-limits", "archive", "--max-uploads-per-month", "1.5"), "number"),
        (("set-limits", "archive", "--max-uploads-per-month", "9999999999999999999"), "between"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(calotype, tenant, one_clear_line, arguments, told):
    """Status 1, nothing on standard output, and nothing changed."""
    before = calotype.sql("SELECT * FROM tenant ORDER BY id")
    done = calotype("tenants", *arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert one_clear_line(done.stderr)
    assert told in done.stderr
    assert calotype.sql("SELECT * FROM tenant ORDER BY id") == before
