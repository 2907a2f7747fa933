"""`calotype credits`: what tenants are given, what is taken back, and the ledger that shows all of it."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest


@pytest.fixture(scope="module", autouse=True)
def first(calotype):
    """The tenant that every installation begins with."""
    assert calotype("keys", "create", "x").returncode == 0


@pytest.fixture
def tenant(calotype):
    """A new tenant; its name would be markup if it were not escaped."""
    name = f"[bold]bakery {uuid4()}"
    assert calotype("keys", "create", "x", "--tenant", name).returncode == 0
    return name


def shown(calotype, name, *options):
    """A tenant's credits as programs read them."""
    done = calotype("credits", "show", name, "--json", *options)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def cells(table):
    """The rows of the tables of an output, cell by cell."""
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in table.splitlines() if line[0] == "│"]


def test_a_new_tenant_has_none_and_the_first_one_needs_none(calotype, tenant):
    """Whoever runs the server is not limited; a tenant that is made for others starts with nothing."""
    nothing = {"balance": 0, "used_30d": 0, "entries": [], "total": 0}
    assert shown(calotype, tenant) == {"tenant": tenant, "unlimited": False, **nothing}
    assert shown(calotype, "default") == {"tenant": "default", "unlimited": True, **nothing}


def test_credits_are_granted_and_what_is_not_used_is_taken_back(calotype, tenant):
    """A negative number needs no `--` before it; each answer tells what there is then."""
    answers = [calotype("credits", "grant", tenant, number, "--json") for number in ("20", "-5", "+1")]
    assert [done.returncode for done in answers] == [0, 0, 0], answers
    assert [json.loads(done.stdout)["balance"] for done in answers] == [20, 15, 16]
    for written in (("--", "-1"), ("-15",)):
        assert calotype("credits", "grant", tenant, *written).returncode == 0
    found = shown(calotype, tenant)
    assert found["balance"] == 0
    entries = [(one["number"], one["kind"], one["amount"], one["balance_after"]) for one in found["entries"]]
    assert entries == [
        (5, "grant", -15, 0), (4, "grant", -1, 15), (3, "grant", 1, 16), (2, "grant", -5, 15), (1, "grant", 20, 20),
    ]  # fmt: skip
    assert {(one["session_id"], one["image_id"]) for one in found["entries"]} == {(None, None)}


def test_people_see_the_balance_and_the_end_of_the_ledger(calotype, tenant):
    """Newest first, as many as they want, with how many there are; names are shown as they are."""
    calotype("credits", "grant", tenant, "7")
    done = calotype("credits", "grant", tenant, "-2")
    assert cells(done.stdout) == [["tenant", tenant], ["balance", "5"], ["unlimited", "no"], ["used in 30 days", "0"]]
    done = calotype("credits", "show", tenant, "--limit", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert ["balance", "5"] in cells(done.stdout)
    (entry,) = [row for row in cells(done.stdout) if "grant" in row]
    assert [entry[0], *entry[2:]] == ["2", "grant", "-2", "5", "-", "-"]
    assert done.stdout.splitlines()[-1] == "1 of 2 entries"
    assert shown(calotype, tenant, "--limit", "1")["total"] == 2


def test_a_limit_is_taken_away_and_set_again(calotype, tenant):
    """The balance stays what it was, since nothing was given."""
    calotype("credits", "grant", tenant, "3")
    states = [json.loads(calotype("credits", word, tenant, "--json").stdout) for word in ("unlimited", "limited")]
    assert states == [
        {"tenant": tenant, "balance": 3, "unlimited": True, "used_30d": 0},
        {"tenant": tenant, "balance": 3, "unlimited": False, "used_30d": 0},
    ]
    assert ["unlimited", "yes"] in cells(calotype("credits", "unlimited", tenant).stdout)


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("grant", "nobody", "5"), 1, "nobody"),
        (("show", "nobody"), 1, "nobody"),
        (("limited", "nobody"), 1, "nobody"),
        (("unlimited", "nobody"), 1, "nobody"),
        (("grant", "default", "0"), 1, "at least one"),
        (("grant", "default", "-5"), 1, "between 0 and"),
        (("grant", "default", "9007199254740992"), 1, "between 0 and"),
        (("grant", "default", "9" * 30), 1, "whole number"),
        (("grant", "default", "1.5"), 1, "whole number"),
        (("grant", "default", "many"), 1, "'many'"),
        (("grant", "default", "--much"), 1, "'--much'"),
        (("grant", "default", "٣"), 1, "whole number"),
        (("grant", "default", ""), 1, "whole number"),
        (("grant", "default"), 2, "N"),
        (("grant", "default", "5", "6"), 2, "6"),
        (("show", "default", "--limit", "0"), 2, "limit"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(calotype, one_clear_line, arguments, status, told):
    """Standard output stays empty, and nothing is changed; an unknown tenant is not made."""
    before = calotype.sql("SELECT a::text FROM credit_account AS a ORDER BY tenant_id")
    done = calotype("credits", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert told in done.stderr
    assert status == 2 or one_clear_line(done.stderr)
    assert calotype.sql("SELECT a::text FROM credit_account AS a ORDER BY tenant_id") == before
    assert calotype.sql("SELECT 1 FROM credit_entry e JOIN tenant t ON t.id = e.tenant_id AND t.name = 'default'") == []
