"""Sessions of the Analysis API: opened by an upload, added to, looked at, ended, and over after a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.contracts.analysis import PREFIXES, UNKNOWN_SESSION, account, form
from tests.contracts.analysis_shapes import ENDED, SESSION, UPLOADED, expect, expect_error
from tests.contracts.photos import photo
from tests.running import wait_for, wait_until_processed

NOWHERE = (
    UNKNOWN_SESSION,
    "sess_x",
    "sess_",
    "nonsense",
    "%00",
    "sess_abc123def456%00",
    "sess_" + "a" * 5_000,
    "sess_äöü123456789",
    "3f0c9a52-6d1e-4b87-9c1f-2a7be5d04411",
)


@pytest.fixture(scope="module")
def member(idle):
    """A tenant without credits on the idle server; sessions cost nothing."""
    return account(idle)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_an_upload_opens_a_session(idle, prefix):
    """201, and exactly the keys of the specification, below each prefix."""
    data = photo()
    answer = account(idle, prefix=prefix).call("POST", "/sessions", files=form(("photo1.jpg", data)))
    body = expect(answer, UPLOADED, 201)
    (image,) = body["images"]
    assert image["id"] == "img_001"
    assert image["originalFilename"] == "photo1.jpg"
    assert image["sizeBytes"] == len(data)
    assert image["uploadPath"] == f"/tmp/sessions/{body['sessionId']}/photo1.jpg"


def test_a_session_opened_below_one_prefix_is_there_below_the_other(member):
    """They are two spellings of the same routes."""
    session = member.open()
    for prefix in PREFIXES:
        assert member.client.get(f"{prefix}/sessions/{session.id}").json()["sessionId"] == session.id


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_key_comes_in_either_header(idle, member, prefix):
    """`X-API-Key` and `Authorization: Bearer` are the same."""
    with idle.client() as client:
        for headers in (
            {"X-API-Key": member.key},
            {"x-api-key": member.key},
            {"Authorization": f"Bearer {member.key}"},
            {"Authorization": f"bearer {member.key}"},
        ):
            answer = client.post(f"{prefix}/sessions", files=form(photo()), headers=headers)
            expect(answer, UPLOADED, 201)
            assert client.get(f"{prefix}/credits", headers=headers).status_code == 200


def test_a_key_of_any_prefix_opens(idle):
    """Those of the documentation begin with `sk`."""
    with idle.client() as client:
        answer = client.get("/v1/credits", headers={"X-API-Key": idle.new_key(prefix="sk")})
    assert answer.status_code == 200


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/sessions"),
        ("GET", f"/sessions/{UNKNOWN_SESSION}"),
        ("DELETE", f"/sessions/{UNKNOWN_SESSION}"),
        ("POST", f"/sessions/{UNKNOWN_SESSION}/images"),
        ("POST", f"/sessions/{UNKNOWN_SESSION}/analyze"),
        ("POST", f"/sessions/{UNKNOWN_SESSION}/analyze-single"),
        ("GET", "/credits"),
        ("GET", "/credits/ledger"),
    ],
)
def test_every_route_wants_a_key(idle, prefix, method, path):
    """Without one, and with one that was never given out, the answer is 401, whatever is sent."""
    with idle.client() as client:
        for headers in (
            {},
            {"X-API-Key": ""},
            {"X-API-Key": "sk-your-key-here"},
            {"X-API-Key": "calo_" + "z" * 43},
            {"X-API-Key": b"sk-\xff\xfe"},
            {"Authorization": "Bearer sk_" + "z" * 43},
            {"Authorization": "Basic eDp5"},
        ):
            expect_error(client.request(method, prefix + path, headers=headers), "UNAUTHORIZED")


def test_ids_of_sessions_cannot_be_guessed(member):
    """No two are alike, none is near to another."""
    ids = [member.open().id for _ in range(5)]
    assert len({one[5:13] for one in ids}) == len({one[-8:] for one in ids}) == 5


def test_a_session_lasts_a_day(member):
    """`expiresAt` is 24 hours after `createdAt`, which is now."""
    session = member.open()
    body = expect(member.call("GET", f"/sessions/{session.id}"), SESSION)
    created, expires = (datetime.fromisoformat(body[key]) for key in ("createdAt", "expiresAt"))
    assert abs(expires - created - timedelta(hours=24)) < timedelta(seconds=1)
    assert abs(datetime.now(UTC) - created) < timedelta(minutes=3)


def test_a_session_can_be_looked_at(member):
    """The same shape as the answer to its upload, with `createdAt`."""
    body = member.upload(photo(), photo())
    seen = expect(member.call("GET", f"/sessions/{body['sessionId']}"), SESSION)
    seen.pop("createdAt")
    assert seen == body


def test_images_are_listed_in_the_order_sent(member):
    """Names, sizes and numbers belong together, whatever the size of each file."""
    pictures = [(f"{number}.jpg", photo(40 + 60 * (number % 2), 30)) for number in range(12)]
    body = member.upload(*pictures)
    assert [image["originalFilename"] for image in body["images"]] == [name for name, _ in pictures]
    assert [image["sizeBytes"] for image in body["images"]] == [len(data) for _, data in pictures]
    assert [image["id"] for image in body["images"]] == [f"img_{number:03}" for number in range(1, 13)]


def test_images_can_be_added(member):
    """To the same session, under numbers and paths that nobody has; the answer lists the session's images or the new ones."""
    first = member.upload(("a.jpg", photo()), ("b.jpg", photo()))
    added = member.upload(("a.jpg", photo()), into=first["sessionId"])
    assert (added["sessionId"], added["expiresAt"]) == (first["sessionId"], first["expiresAt"])
    now = expect(member.call("GET", f"/sessions/{first['sessionId']}"), SESSION)["images"]
    assert now[:2] == first["images"]
    assert added["images"] in (now[2:], now)
    assert len({image["id"] for image in now}) == len({image["uploadPath"] for image in now}) == len(now) == 3


def test_racing_uploads_to_a_session_get_numbers_of_their_own(member):
    """Twelve at once: no number and no path is given twice, and nothing is lost."""
    from concurrent.futures import ThreadPoolExecutor

    session = member.open(("a.jpg", photo()))

    def add(_):
        with member.server.client() as client:
            headers = {"X-API-Key": member.key}
            return client.post(
                f"/v1/sessions/{session.id}/images", files=form(("a.jpg", photo()), ("a.jpg", photo())), headers=headers
            )

    with ThreadPoolExecutor(12) as pool:
        for answer in pool.map(add, range(12)):
            expect(answer, UPLOADED, 201)
    images = expect(member.call("GET", f"/sessions/{session.id}"), SESSION)["images"]
    assert len(images) == 25
    for key in ("id", "uploadPath", "assetId"):
        assert len({image[key] for image in images}) == 25


def test_the_images_are_assets(member):
    """Each is a file of its tenant under its `assetId`, in the other APIs too."""
    data = photo()
    (image,) = member.upload(("holiday.jpg", data))["images"]
    detail = member.others.get(f"/api/v2/user-files/{image['assetId']}")
    assert detail.status_code == 200
    assert detail.json()["original_filename"] == "holiday.jpg"
    assert member.others.get(f"/images/{image['assetId']}").status_code == 200


def test_a_session_can_be_ended(member):
    """200 with its id and what became of it."""
    session = member.open()
    body = expect(member.call("DELETE", f"/sessions/{session.id}"), ENDED)
    assert body == {"sessionId": session.id, "status": "ended"}


def test_an_ended_session_is_gone_everywhere(member):
    """404 for each route, and for ending it again."""
    session = member.open()
    member.call("DELETE", f"/sessions/{session.id}")
    path = f"/sessions/{session.id}"
    for answer in (
        member.call("GET", path),
        member.call("DELETE", path),
        member.call("POST", f"{path}/images", files=form(photo())),
        member.call("POST", f"{path}/analyze", json=session.body()),
        member.call("POST", f"{path}/analyze-single", json=session.single_body()),
    ):
        expect_error(answer, "SESSION_NOT_FOUND")


def test_the_images_outlive_their_session(payer):
    """They are ordinary assets: still there, still made into variants."""
    session = payer.open()
    payer.call("DELETE", f"/sessions/{session.id}")
    detail = wait_until_processed(payer.others, session.images[0]["assetId"])
    assert detail["variant_status"] == "completed"


@pytest.mark.parametrize("name", NOWHERE, ids=lambda name: ascii(name)[:30])
def test_an_id_that_leads_nowhere_is_not_found(member, name):
    """Unknown, too short, too long, not even text: 404, never a fault."""
    path = f"/sessions/{name}"
    for method, below in (("GET", ""), ("DELETE", ""), ("POST", "/analyze"), ("POST", "/analyze-single")):
        key = "image" if below.endswith("single") else "images"
        image = {"id": "img_001", "uploadPath": "/tmp/sessions/x/photo1.jpg", "originalFilename": "photo1.jpg"}
        body = {"sessionId": name, key: image if key == "image" else [image]} if method == "POST" else None
        answer = member.call(method, path + below, json=body)
        # Where the id in the body is not spelled as the path has it, either refusal is true.
        assert answer.status_code in {404, 422} if "%" in name or not name.isascii() else answer.status_code == 404
        expect_error(answer, answer.json()["error"]["code"])
    answer = member.call("POST", f"{path}/images", files=form(photo()))
    assert answer.status_code == 404


def test_an_expired_session_answers_410(fleeting):
    """From the moment that `expiresAt` names, on every route that uses it."""
    owner = account(fleeting)
    session = owner.open()
    path = f"/sessions/{session.id}"
    wait_for(lambda: owner.call("GET", path).status_code != 200, "the session did not expire")
    for answer in (
        owner.call("GET", path),
        owner.call("POST", f"{path}/images", files=form(photo())),
        owner.call("POST", f"{path}/analyze", json=session.body()),
        owner.call("POST", f"{path}/analyze-single", json=session.single_body()),
    ):
        expect_error(answer, "SESSION_EXPIRED")


def test_an_expired_session_of_another_tenant_is_not_found(fleeting):
    """410 would tell a stranger that there was one."""
    owner, stranger = account(fleeting), account(fleeting)
    session = owner.open()
    path = f"/sessions/{session.id}"
    wait_for(lambda: owner.call("GET", path).status_code == 410, "the session did not expire")
    expect_error(stranger.call("GET", path), "SESSION_NOT_FOUND")


def test_a_session_does_not_expire_early(fleeting):
    """Adding to one that still lasts is allowed, and does not make it last longer."""
    owner = account(fleeting)
    body = owner.upload(photo())
    added = owner.call("POST", f"/sessions/{body['sessionId']}/images", files=form(photo()))
    if datetime.now(UTC) < datetime.fromisoformat(body["expiresAt"]):
        assert expect(added, UPLOADED, 201)["expiresAt"] == body["expiresAt"]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_other_methods_are_refused_in_the_same_words(member, prefix):
    """405 or 404 with the one error body; a path that nobody knows as well."""
    for method, path in (("PUT", "/sessions"), ("DELETE", "/credits"), ("GET", f"/sessions/{UNKNOWN_SESSION}/analyze")):
        answer = member.client.request(method, prefix + path)
        assert answer.status_code in {404, 405}
        body = answer.json()
        assert body.keys() == {"error", "requestId"}
        assert body["error"].keys() == {"code", "message", "details"}


def test_more_requests_than_allowed_are_refused(narrow):
    """429 with the one error body and the seconds to wait."""
    guest = account(narrow)
    answers = [guest.call("GET", "/credits") for _ in range(9)]
    assert [answer.status_code for answer in answers[:8]] == [200] * 8
    expect_error(answers[8], "RATE_LIMITED")
    assert int(answers[8].headers["retry-after"]) > 0


def test_request_ids_are_told(member):
    """Each answer has one, also a success, and that of a refusal stands in its body."""
    first, second = (member.call("GET", "/credits").headers["x-request-id"] for _ in range(2))
    assert first != second
    refusal = member.call("GET", f"/sessions/{UNKNOWN_SESSION}")
    assert refusal.json()["requestId"] == refusal.headers["x-request-id"]
