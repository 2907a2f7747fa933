"""Credits: one for each image, a ledger that always adds up, and a balance that no race brings below zero."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.contracts.analysis import PREFIXES, Account, account, calotype, check, unlimited
from tests.contracts.analysis_models import ANSWER, shade
from tests.contracts.analysis_shapes import CREDITS, LEDGER, SINGLE, expect, expect_error, short_of
from tests.contracts.photos import photo, undecodable
from tests.forked import Begun
from tests.running import PATIENCE, calotype_environment, wait_for


def kinds(entries):
    """What happened, in order, with what it changed."""
    return [(entry["kind"], entry["amount"]) for entry in entries]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_new_tenant_has_nothing(idle, prefix):
    """Limited, a balance of 0, and an empty ledger."""
    member = account(idle, prefix=prefix)
    assert member.credits() == {"balance": 0, "unlimited": False, "used30d": 0}
    page = expect(member.call("GET", "/credits/ledger"), LEDGER)
    assert (page["entries"], page["total"], page["offset"]) == ([], 0, 0)


def test_a_tenant_of_the_command_line_starts_limited(idle):
    """`calotype keys create NAME --tenant T`, then 402."""
    done = calotype(idle, "keys", "create", "camera", "--tenant", "bakery")
    assert done.returncode == 0, done.stderr
    key = next(word for word in done.stdout.split() if word.startswith("calo_"))
    member = Account(idle, "bakery", key)
    assert member.credits() == {"balance": 0, "unlimited": False, "used30d": 0}
    session = member.open()
    short_of(session.refused(session.body()), 1, 0)


def test_credits_can_be_granted(idle):
    """Each grant is an entry of no session; they add up."""
    member = account(idle)
    member.grant(5)
    member.grant(7)
    entries = member.ledger()
    assert kinds(entries) == [("grant", 5), ("grant", 7)]
    assert [entry["balanceAfter"] for entry in entries] == [5, 12]
    assert {(entry["sessionId"], entry["imageId"]) for entry in entries} == {(None, None)}
    assert all(
        abs(datetime.now(UTC) - datetime.fromisoformat(entry["createdAt"])) < timedelta(minutes=3) for entry in entries
    )
    assert member.credits() == {"balance": 12, "unlimited": False, "used30d": 0}


@pytest.mark.parametrize(
    ("tenant", "amount"),
    [
        ("nobody of that name", "5"),
        (None, "0"),
        (None, "-5"),
        (None, "many"),
        (None, "1.5"),
        (None, "9" * 30),
        (None, ""),
    ],
)
def test_what_cannot_be_granted_changes_nothing(idle, tenant, amount):
    """An unknown tenant is not made, an amount that is none is refused, in one line each."""
    member = account(idle)
    done = calotype(idle, "credits", "grant", tenant or member.name, amount)
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr
    assert member.ledger() == []
    if tenant:
        assert tenant not in calotype(idle, "tenants", "list").stdout


def test_the_command_line_shows_a_balance(idle):
    """`calotype credits show`, for one tenant."""
    member = account(idle, 17)
    done = calotype(idle, "credits", "show", member.name)
    assert done.returncode == 0, done.stderr
    assert "17" in done.stdout


def test_each_image_is_reserved_and_then_captured(payer):
    """`reserve` takes the credit, `capture` of 0 says that it was used, both with session and image."""
    session = payer.open()
    check(session.analyze(), session.ids())
    entries = payer.ledger()
    assert kinds(entries) == [("grant", 100), ("reserve", -1), ("capture", 0)]
    assert [entry["balanceAfter"] for entry in entries] == [100, 99, 99]
    for entry in entries[1:]:
        assert (entry["sessionId"], entry["imageId"]) == (session.id, "img_001")
    assert payer.credits() == {"balance": 99, "unlimited": False, "used30d": 1}


def test_what_fails_is_reserved_and_then_refunded(payer):
    """Nothing is used, and the ledger tells it all."""
    session = payer.open(undecodable())
    check(session.analyze(), session.ids(), failed=1)
    entries = payer.ledger()
    assert kinds(entries) == [("grant", 100), ("reserve", -1), ("refund", 1)]
    assert [entry["balanceAfter"] for entry in entries] == [100, 99, 100]
    assert (entries[-1]["sessionId"], entries[-1]["imageId"]) == (session.id, "img_001")
    assert payer.credits() == {"balance": 100, "unlimited": False, "used30d": 0}


def test_every_image_has_its_own_entries(shoot):
    """One reservation and one end each, whatever the order."""
    shoot.analyze()
    entries = shoot.account.ledger()[1:]
    for kind, amount in (("reserve", -1), ("capture", 0)):
        found = [entry for entry in entries if entry["kind"] == kind]
        assert sorted(entry["imageId"] for entry in found) == shoot.ids()
        assert {(entry["amount"], entry["sessionId"]) for entry in found} == {(amount, shoot.id)}
    assert len(entries) == 6


def test_the_remaining_credits_of_a_stream_are_the_balance(shoot):
    """What `complete` says is what `/credits` says."""
    end = check(shoot.analyze(), shoot.ids())
    assert end["creditsRemaining"] == shoot.account.balance == 97


def test_the_last_credit_can_be_spent(server):
    """A balance of 2 pays for two images, and then for none."""
    payer = account(server, 2)
    session = payer.open(photo(), photo())
    end = check(session.analyze(), session.ids())
    assert (end["creditsUsed"], end["creditsRemaining"]) == (2, 0)
    short_of(session.refused(session.body(0)), 1, 0)
    assert payer.settled() == (2, 2)


def test_the_ledger_comes_in_pages_newest_first(shoot):
    """Every page is a window of the same list, beyond its end it is empty."""
    shoot.analyze()
    payer = shoot.account
    whole = payer.ledger()[::-1]
    assert len(whole) == 7
    for limit, offset in ((1, 0), (2, 3), (5, 5), (3, 7), (100, 0), (10, 1000)):
        page = expect(payer.call("GET", "/credits/ledger", params={"limit": limit, "offset": offset}), LEDGER)
        assert page["entries"] == whole[offset : offset + limit]
        assert (page["total"], page["limit"], page["offset"]) == (7, limit, offset)
    assert expect(payer.call("GET", "/credits/ledger"), LEDGER)["entries"] == whole


@pytest.mark.parametrize(
    "query",
    [{"limit": "0"}, {"limit": "-1"}, {"limit": "x"}, {"limit": "9" * 30}, {"offset": "-1"}, {"offset": "x"},
     {"offset": "9" * 30}, {"limit": "1.5"}, {"limit": ""}],
    ids=str,
)  # fmt: skip
def test_a_window_that_is_none_is_refused(idle, query):
    """422, never a fault."""
    expect_error(account(idle).call("GET", "/credits/ledger", params=query), "VALIDATION_ERROR")


def test_an_unlimited_tenant_pays_nothing_and_is_counted(server):
    """`creditsRemaining` is null, usage is recorded, the balance stays."""
    rich = unlimited(server)
    session = rich.open(photo(), photo(), undecodable())
    end = check(session.analyze(), session.ids(), failed=1)
    assert end["creditsRemaining"] is None
    single = session.single()
    assert single["creditsRemaining"] is None
    assert rich.credits() == {"balance": 0, "unlimited": True, "used30d": 3}
    entries = rich.ledger()
    assert {entry["amount"] for entry in entries} == {0}
    assert [entry["kind"] for entry in entries].count("capture") == 3


def test_the_tenant_of_a_self_hosted_server_is_unlimited(server):
    """The key that the server prints at its first start analyses without a grant."""
    default = Account(server, "default", server.first_key)
    assert default.credits()["unlimited"] is True
    session = default.open()
    assert check(session.analyze(), session.ids())["creditsRemaining"] is None


def test_a_tenant_can_be_limited_again(server):
    """Its balance is what it was; what was used without a limit costs nothing afterwards."""
    member = unlimited(server)
    session = member.open()
    session.single()
    assert calotype(server, "credits", "limited", member.name).returncode == 0
    assert member.credits() == {"balance": 0, "unlimited": False, "used30d": 1}
    short_of(session.refused(session.body()), 1, 0)
    member.grant(1)
    assert session.single()["creditsRemaining"] == 0
    assert member.credits() == {"balance": 0, "unlimited": False, "used30d": 2}


@pytest.mark.parametrize("first", ["unlimited", "limited"])
def test_a_limit_that_changes_in_mid_stream_loses_no_credit(studio, model, first):
    """What was reserved is what comes back, whatever the tenant is by then; the ledger adds up."""
    member = account(studio, 10) if first == "limited" else unlimited(studio)
    session = member.open(*(shade(number) for number in range(4)))
    model.script = lambda call: ANSWER if call.shade < 2 else "nonsense"
    model.hold()
    with session.streaming() as stream:
        events = stream.until("progress", 4)
        model.wait(4)
        second = "unlimited" if first == "limited" else "limited"
        assert calotype(studio, "credits", second, member.name).returncode == 0
        model.let()
        events += list(stream)
    end = check(events, session.ids(), failed=2)
    assert end["creditsUsed"] == 2
    entries = member.ledger()
    assert member.balance == (8 if first == "limited" else 0)
    assert [entry["kind"] for entry in entries].count("capture") == 2
    if first == "limited":
        assert member.settled() == (10, 2)


def racing(payer, requests, send):
    """Send requests all at once, each over a connection of its own; returns the answers' bodies and statuses."""

    def one(number):
        with httpx.Client(base_url=payer.server.url, timeout=2 * PATIENCE, verify=False) as client:
            client.headers["X-API-Key"] = payer.key
            return send(client, number)

    with ThreadPoolExecutor(requests) as pool:
        return list(pool.map(one, range(requests)))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("route", ["analyze", "analyze-single"])
def test_fifty_racing_requests_share_twenty_credits(server, route):
    """20 succeed, 30 are 402, the balance is 0, and the ledger sums to it."""
    payer = account(server, 20)
    session = payer.open(*(photo() for _ in range(50)))

    def send(client, number):
        body = session.body(number) if route == "analyze" else session.single_body(number)
        return client.post(f"/v1/sessions/{session.id}/{route}", json=body)

    answers = racing(payer, 50, send)
    assert sorted(answer.status_code for answer in answers) == [200] * 20 + [402] * 30
    for answer in answers:
        if answer.status_code == 402:
            assert expect_error(answer, "INSUFFICIENT_CREDITS")["required"] == 1
        elif route == "analyze":
            assert answer.text.count("event: result") == answer.text.count("event: complete") == 1
        else:
            expect(answer, SINGLE)
    assert payer.settled() == (20, 20)
    assert payer.credits() == {"balance": 0, "unlimited": False, "used30d": 20}


@pytest.mark.timeout(300)
def test_racing_requests_for_several_images_never_overdraw(server):
    """Twelve of three images each on 20 credits: six are taken whole, none in part, two credits are left."""
    payer = account(server, 20)
    session = payer.open(*(photo() for _ in range(3)))
    url = f"/v1/sessions/{session.id}/analyze"
    answers = racing(payer, 12, lambda client, _: client.post(url, json=session.body()))
    taken = [answer for answer in answers if answer.status_code == 200]
    assert len(taken) == 6
    assert all(answer.text.count("event: result") == 3 for answer in taken)
    assert {answer.status_code for answer in answers} == {200, 402}
    assert payer.settled() == (20, 18)


@pytest.mark.timeout(300)
def test_grants_that_race_requests_are_all_counted(server):
    """Five grants of two credits while twenty requests come: the ledger has a gapless sum at every entry."""
    payer = account(server, 5)
    session = payer.open(photo(), undecodable())
    environment = calotype_environment(server.data_dir)
    grants = [Begun(["credits", "grant", payer.name, "2"], environment) for _ in range(5)]
    url = f"/v1/sessions/{session.id}/analyze"
    answers = racing(payer, 20, lambda client, number: client.post(url, json=session.body(number % 2)))
    assert [grant.wait(PATIENCE) for grant in grants] == [0] * 5
    granted, charged = payer.settled()
    assert granted == 15
    assert charged == sum(answer.text.count("event: result") for answer in answers if answer.status_code == 200)


def test_the_balance_can_be_asked_for_while_an_analysis_runs(studio_payer, model):
    """It is less what is reserved; the ledger's sum is right at every moment."""
    session = studio_payer.open(*(shade(number) for number in range(6)))
    model.hold()
    with session.streaming() as stream:
        stream.until("progress", 4)
        assert expect(studio_payer.call("GET", "/credits"), CREDITS)["balance"] == 14
        assert kinds(studio_payer.ledger())[1:] == [("reserve", -1)] * 6
        model.let()
        list(stream)
    assert studio_payer.settled() == (20, 6)


def test_ledgers_are_one_s_own(server, payer):
    """Another tenant's entries and balance are not shown, and not touched."""
    other = account(server, 3)
    session = payer.open()
    session.single()
    assert kinds(other.ledger()) == [("grant", 3)]
    assert json.dumps(other.ledger()).count(session.id) == 0
    wait_for(lambda: other.balance == 3, "another tenant's balance changed")
