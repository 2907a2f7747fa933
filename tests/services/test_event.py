"""The bodies that receivers of events get."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.event import Event, EventType
from calotype.services.event import body_of


def test_a_body_says_what_happened_when_and_to_what():
    """Ids of what devices made have their prefixes, an asset's has none; times are ISO 8601 in UTC."""
    asset_id, device_id, batch_id = uuid4(), uuid4(), uuid4()
    event = Event(
        EventType.DEVICE_IMAGE_UPLOADED,
        {
            "image_id": asset_id,
            "asset_id": asset_id,
            "device_id": device_id,
            "batch_id": batch_id,
            "filename": "ä\udc80.jpg",
            "captured_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            "duplicate": False,
        },
        occurred_at=datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
    )
    body = body_of(event)
    assert body.isascii()
    assert list(json.loads(body)) == ["type", "timestamp", "data"]
    assert json.loads(body) == {
        "type": "device.image.uploaded",
        "timestamp": "2026-01-02T03:04:05.678000Z",
        "data": {
            "image_id": f"img_{asset_id}",
            "asset_id": str(asset_id),
            "device_id": f"dev_{device_id}",
            "batch_id": f"batch_{batch_id}",
            "filename": "ä\udc80.jpg",
            "captured_at": "2026-01-02T03:04:05Z",
            "duplicate": False,
        },
    }


@given(st.sampled_from(EventType), st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.booleans()))
def test_a_body_gives_back_whatever_was_put_in(event_type, data):
    """Whatever names and texts there are, the body is ASCII and holds them."""
    body = body_of(Event(event_type, data))
    assert body.isascii()
    assert json.loads(body)["data"] == data
