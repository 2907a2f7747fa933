"""Health: section 2, and point 8 of the checklist."""

from __future__ import annotations

import pytest

from tests.contracts.shapes import expect
from tests.contracts.vision import SPELLINGS
from tests.contracts.vision_shapes import HEALTH, expect_error, is_new_id


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_health_needs_no_key(idle, spelling, slash):
    """Two keys and no more, with or without a credential, right or wrong."""
    with idle.client() as nobody:
        for headers in ({}, {"X-Api-Key": "wrong"}, {"Authorization": "Bearer wrong"}, {"Authorization": "x"}):
            answer = nobody.get(f"{spelling}/health{slash}", headers=headers)
            assert expect(answer, HEALTH)["healthy"] is True
            assert is_new_id(answer.headers["x-request-id"])


def test_health_can_only_be_read(anyone):
    """Another method is 405 in the one error body."""
    expect_error(anyone.post("/health"), 405, "method_not_allowed")
