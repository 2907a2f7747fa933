"""Links to live images lead to exactly one image of one tenant, for exactly as long as was set."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.errors import Expired, NotAllowed, NotFound
from calotype.domain.scope import Scope
from calotype.services import delivery as module
from calotype.services.delivery import DeliveryService

SECRET = b"x" * 32
SERVICE = DeliveryService(None, SECRET, lifetime=3600, public_url=None)
NOW = 1_772_611_200.75


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """The time that the service sees, which a test can set."""
    times = [NOW]
    monkeypatch.setattr(module, "time", type("Clock", (), {"time": staticmethod(lambda: times[0])}))
    return times


def taken_apart(path):
    """(tenant, image, expiry, signature) of a link."""
    parts = urlsplit(path)
    query = {name: values[0] for name, values in parse_qs(parts.query, strict_parsing=True).items()}
    assert query.keys() == {"t", "exp", "sig"}
    return query["t"], parts.path.removeprefix("/media/"), query["exp"], query["sig"]


@given(st.uuids(), st.uuids())
def test_a_link_leads_to_its_tenant(tenant_id, asset_id):
    """Whose image it is stands in the link, so nobody needs a key."""
    link = taken_apart(SERVICE.live_path(tenant_id, asset_id))
    assert link[1] == str(asset_id)
    assert SERVICE.verify_live(*link) == Scope(tenant_id)


@pytest.mark.parametrize(
    ("seconds", "is_over"), [(0, False), (3599, False), (3599.24, False), (3600, True), (10**6, True)]
)
def test_a_link_is_good_for_exactly_its_lifetime(clock, seconds, is_over):
    """An hour from the second in which it was made."""
    clock[0] = float(int(NOW))
    link = taken_apart(SERVICE.live_path(uuid4(), uuid4()))
    clock[0] += seconds
    if is_over:
        with pytest.raises(Expired):
            SERVICE.verify_live(*link)
    else:
        SERVICE.verify_live(*link)


LINK = taken_apart(SERVICE.live_path(UUID(int=1), UUID(int=2)))
CHANGES = st.characters() | st.sampled_from(list("0123456789abcdef-=_\x00\ud800é"))


@given(st.integers(0, 3), st.data())
def test_no_part_of_a_link_can_be_changed(which, data):
    """One character more, less or other, whatever it is: the link is refused as altered, also when it is expired."""
    part = LINK[which]
    place = data.draw(st.integers(0, len(part)))
    letter = data.draw(CHANGES)
    altered = data.draw(
        st.sampled_from(
            [
                part[:place] + letter + part[place + 1 :],
                part[:place] + letter + part[place:],
                part[:place],
                part.upper(),
            ]
        )
    )
    if altered == part:
        return
    with pytest.raises(NotAllowed) as refused:
        SERVICE.verify_live(*LINK[:which], altered, *LINK[which + 1 :])
    assert refused.value.context["is_link"]


@pytest.mark.parametrize(
    "link",
    [
        ("", "", "", ""),
        (*LINK[:3], ""),
        ("", *LINK[1:]),
        (LINK[1], LINK[0], *LINK[2:]),
        (LINK[0] + LINK[1], "", *LINK[2:]),
    ],
)
def test_parts_cannot_be_left_out_or_moved(link):
    """The signature is of these parts in these places."""
    with pytest.raises(NotAllowed):
        SERVICE.verify_live(*link)


def test_a_signature_of_another_kind_or_server_is_none():
    """A link to upload to, or one made with another secret, opens no image."""
    expires = str(int(NOW) + 10**6)
    upload = parse_qs(urlsplit(SERVICE.upload_path(UUID(int=1), UUID(int=2), int(expires))).query)["sig"][0]
    other = DeliveryService(None, b"y" * 32, lifetime=3600, public_url=None)
    for link in (
        ("00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002", expires, upload),
        LINK,
    ):
        with pytest.raises(NotAllowed):
            (other if link is LINK else SERVICE).verify_live(*link)


@pytest.mark.parametrize("signature", ["", "x", "\ud800", "é" * 24])
def test_whatever_stands_for_a_signature_is_refused_by_every_kind_of_link(signature):
    """No kind of link is opened by it, and none breaks on it."""
    one, two, expires = str(UUID(int=1)), str(UUID(int=2)), str(int(NOW) + 1000)
    for verify in (
        lambda: SERVICE.verify_live(one, two, expires, signature),
        lambda: SERVICE.verify_playback(one, two, expires, signature),
        lambda: SERVICE.verify_keyframe(one, two, expires, signature),
        lambda: SERVICE.verify_upload(one, two, expires, signature),
        lambda: SERVICE.verify_chunk(one, two, "1", expires, signature),
        lambda: SERVICE.verify(
            "key", expires=expires, content_type="image/jpeg", download_name=None, signature=signature
        ),
    ):
        with pytest.raises((NotAllowed, NotFound)):
            verify()
