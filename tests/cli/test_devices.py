"""`calotype devices`: a key is shown once, works at once, and ends when it is revoked; devices are told apart by id or name."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.fleet import added, send, sent
from tests.contracts.photos import photo


@pytest.fixture(scope="module", autouse=True)
def tenants(calotype, running):
    """Two tenants beside the first one."""
    for name in ("harbour", "pier"):
        assert calotype("keys", "create", "x", "--tenant", name).returncode == 0


def listed(calotype, tenant="harbour"):
    """The devices of a tenant by id, as programs read them."""
    found = json.loads(calotype("devices", "list", "--tenant", tenant, "--json").stdout)
    assert found["total"] == len(found["devices"])
    return {one["id"]: one for one in found["devices"]}


def test_a_new_key_stands_alone_on_standard_output_and_works_for_an_upload(calotype, running):
    """Scripts can take it from there as it is; what else is said goes to standard error, before it."""
    done = calotype("devices", "add", "[bold]gate", "--tenant", "harbour")
    assert done.returncode == 0
    assert re.fullmatch(r"adk_[A-Za-z0-9_-]{43}\n", done.stdout)
    device = re.fullmatch(r"added (dev_[0-9a-f-]{36}) \(\[bold\]gate\)\n", done.stderr)[1]

    batch = sent(running, done.stdout.strip(), 2)

    one = listed(calotype)[device]
    assert (one["name"], one["duplicate_policy"], one["image_count"]) == ("[bold]gate", "reject", 2)
    assert (one["open_batch_id"], one["revoked_at"], one["metadata"]) == (batch, None, {})
    assert one["last_seen_at"] >= one["created_at"]
    table = calotype("devices", "list", "--tenant", "harbour").stdout
    (line,) = [line for line in table.splitlines() if device in line]
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    assert cells[1:3] + cells[5:] == ["[bold]gate", "reject", "2", "valid"]
    assert table.splitlines()[-1] == f"{len(listed(calotype))} of {len(listed(calotype))} devices"
    assert device not in listed(calotype, "pier")


def test_the_policy_for_duplicates_is_chosen_when_a_device_is_added(calotype, running):
    """One that rejects refuses the bytes that one that accepts has sent."""
    data = photo()
    _, accepts = added(calotype, "accepts", "--duplicates", "accept", "--tenant", "harbour")
    _, rejects = added(calotype, "rejects", "--duplicates", "reject", "--tenant", "harbour")
    assert [send(running, accepts, data).json()["data"]["duplicate"] for _ in range(2)] == [False, True]
    assert send(running, rejects, data).json()["error"]["code"] == "DUPLICATE_IMAGE"


def test_a_rotated_key_works_beside_the_old_one_for_a_while(calotype, running):
    """The time is told, and is over at once where the setting says so."""
    device, first = added(calotype, "rotated", "--tenant", "harbour")
    done = calotype("devices", "rotate", device, "--tenant", "harbour")
    second = done.stdout.removesuffix("\n")
    assert re.fullmatch(r"adk_[A-Za-z0-9_-]{43}", second)
    assert re.search(r"stop working at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n$", done.stderr)
    assert [send(running, key).status_code for key in (first, second)] == [200, 200]

    again = calotype("devices", "rotate", "rotated", "--tenant", "harbour", CALOTYPE_DEVICE_KEY_GRACE_SECONDS="0")

    third = again.stdout.strip()
    assert [send(running, key).status_code for key in (second, third)] == [401, 200]


@pytest.mark.parametrize("form", ["id", "uuid", "name"])
def test_a_device_is_revoked_by_its_id_with_or_without_prefix_or_by_its_name(calotype, running, form):
    """Its key ends at once, its batch is closed, its images stay; again is the same."""
    name = f"revoked by {form}"
    device, key = added(calotype, name, "--tenant", "harbour")
    sent(running, key)
    identity = {"id": device, "uuid": device.removeprefix("dev_"), "name": name}[form]

    done = calotype("devices", "revoke", identity, "--tenant", "harbour")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"revoked {device} ({name})\n")
    assert send(running, key).status_code == 401
    one = listed(calotype)[device]
    assert (one["image_count"], one["open_batch_id"]) == (1, None)
    assert one["revoked_at"] is not None
    assert calotype("devices", "revoke", identity, "--tenant", "harbour").returncode == 0
    assert listed(calotype)[device] == one
    assert calotype("devices", "rotate", device, "--tenant", "harbour").returncode == 1


def test_a_name_of_several_devices_is_refused_and_their_ids_are_named(calotype, one_clear_line):
    """Nothing is revoked; a name that only one device still has is that one's, and another tenant's does not matter."""
    first, _ = added(calotype, "twin", "--tenant", "harbour")
    second, _ = added(calotype, "twin", "--tenant", "harbour")
    added(calotype, "twin", "--tenant", "pier")

    done = calotype("devices", "revoke", "twin", "--tenant", "harbour")

    assert (done.returncode, done.stdout) == (1, "")
    assert one_clear_line(done.stderr)
    assert first in done.stderr
    assert second in done.stderr
    assert [listed(calotype)[device]["revoked_at"] for device in (first, second)] == [None, None]

    assert calotype("devices", "revoke", first, "--tenant", "harbour").returncode == 0
    assert second in calotype("devices", "revoke", "twin", "--tenant", "harbour").stderr


def test_a_name_that_looks_like_an_id_is_a_name_still(calotype):
    """Serial numbers may be UUIDs."""
    serial = "6f1c9d1e-3f4b-4a57-9a52-0d9f3b7a1c11"
    device, _ = added(calotype, serial, "--tenant", "harbour")
    assert device in calotype("devices", "revoke", serial, "--tenant", "harbour").stderr


def test_a_long_list_is_cut_and_says_so(calotype):
    """The newest ones are shown, and how many there are."""
    for name in ("old", "new"):
        added(calotype, name, "--tenant", "pier")
    total = len(listed(calotype, "pier"))
    lines = calotype("devices", "list", "--tenant", "pier", "--limit", "1").stdout.splitlines()
    assert lines[-1] == f"1 of {total} devices"
    assert sum("dev_" in line for line in lines) == 1
    assert any(" new " in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("add", " ", "--tenant", "harbour"), 1, "name"),
        (("add", "x" * 256, "--tenant", "harbour"), 1, "255"),
        (("add", "\udcff", "--tenant", "harbour"), 1, "Unicode"),
        (("add", "x", "--tenant", "nobody"), 1, "nobody"),
        (("add", "x", "--duplicates", "keep"), 2, "keep"),
        (("list", "--tenant", "nobody"), 1, "nobody"),
        (("list", "--limit", "0"), 2, "limit"),
        (("rotate", "nothing", "--tenant", "harbour"), 1, "nothing"),
        (("rotate", "\udcff", "--tenant", "harbour"), 1, "Unicode"),
        (("revoke", "dev_6f1c9d1e-3f4b-4a57-9a52-0d9f3b7a1c10", "--tenant", "harbour"), 1, "--tenant"),
        (("revoke", "nothing", "--tenant", "nobody"), 1, "nobody"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(calotype, one_clear_line, arguments, status, told):
    """Standard output stays empty, so that no script takes a complaint for a key, and nothing is changed."""
    before = calotype.sql("SELECT d::text FROM device AS d ORDER BY id")
    done = calotype("devices", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert told in done.stderr
    assert status == 2 or one_clear_line(done.stderr)
    assert calotype.sql("SELECT d::text FROM device AS d ORDER BY id") == before
