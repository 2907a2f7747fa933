"""A scope names a tenant and which of its assets are meant."""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.job import Job, Lane, Task
from calotype.domain.listing import AssetPage
from calotype.domain.picture import DominantColor, VariantName
from calotype.domain.principal import Principal
from calotype.domain.scope import Scope, Visibility

TENANT = uuid4()


def test_a_caller_sees_live_assets_of_its_own_tenant_only():
    """The scope of a principal is its tenant's, without the trash."""
    assert Principal(TENANT, uuid4()).scope == Scope(TENANT, Visibility.LIVE)


@pytest.mark.parametrize("visibility", Visibility)
def test_changing_the_visibility_never_changes_the_tenant(visibility):
    """Trash and everything are the same tenant's."""
    scope = Scope(TENANT, visibility)
    assert scope.trashed() == Scope(TENANT, Visibility.TRASHED)
    assert scope.any() == Scope(TENANT, Visibility.ANY)


def test_a_scope_cannot_be_changed():
    """Whoever is handed a scope cannot widen it in place."""
    with pytest.raises(AttributeError):
        Scope(TENANT).tenant_id = uuid4()  # type: ignore[misc]  # that it is refused is the point


def test_the_same_work_has_the_same_identity():
    """Jobs are one and the same when task and asset are."""
    asset_id = uuid4()
    jobs = {Job(task, TENANT, asset_id).identity for task in Task} | {Job(Task.DESCRIBE, TENANT, uuid4()).identity}
    assert len(jobs) == len(Task) + 1
    assert Job(Task.DESCRIBE, TENANT, asset_id).identity in jobs


def test_slow_work_has_a_lane_of_its_own():
    """Work on pixels never waits behind texts."""
    assert {task for task in Task if task.lane is Lane.PICTURES} == {Task.MAKE_VARIANTS, Task.EXTRACT_COLORS}


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 20))
def test_a_page_has_more_when_something_follows(total, offset, limit):
    """`has_more` is true exactly when an asset lies behind the window."""
    shown = tuple(range(total)[offset : offset + limit])
    page = AssetPage(shown, total, offset)  # type: ignore[arg-type]  # only their number matters
    assert page.has_more == (bool(range(total)[offset + limit :]) or (limit == 0 and offset < total))


def test_a_variants_name_tells_its_size():
    """The number in the name bounds the longer side."""
    assert {name.longer_side for name in VariantName} == {64, 256, 512, 750, 1024}


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_a_colours_hex_form_can_be_read_back(rgb):
    """`#RRGGBB` holds the three channels."""
    written = DominantColor(1, 10.0, rgb, (0.0, 0.0, 0.0)).hex
    assert written.startswith("#")
    assert tuple(bytes.fromhex(written[1:])) == rgb
    assert written == written.upper()
