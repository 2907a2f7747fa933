"""What tenants have used is counted as the limits count it, and limits that are set hold."""

from __future__ import annotations

import pytest

from calotype.domain.errors import InvalidInput, NotFound, QuotaExceeded
from calotype.domain.upload import UploadOptions
from tests.services.library import photo


async def mine(library):
    """This tenant as its operator sees it."""
    found = await library.services.tenants.all()
    assert [one.tenant.name for one in found] == sorted(one.tenant.name for one in found)
    return next(one for one in found if one.tenant.id == library.scope.tenant_id)


async def test_usage_is_what_the_limits_count(library):
    """The trash and announced uploads count as bytes and as uploads, but not as files; purged ones as neither."""
    data = [photo() for _ in range(3)]
    ids = [await library.take_in(one) for one in data]
    await library.services.presigned.initiate(library.scope, "a.jpg", 5000, UploadOptions())
    await library.services.trash.delete(library.scope, ids[0])
    used = (await mine(library)).usage
    assert (used.files, used.stored_bytes, used.uploads_this_month) == (2, sum(map(len, data)) + 5000, 4)

    await library.services.trash.purge_due()
    library.sql("UPDATE asset SET created_at = date_trunc('month', now()) - interval '1 second' WHERE id = %s", ids[1])
    used = (await mine(library)).usage
    assert (used.files, used.stored_bytes, used.uploads_this_month) == (2, len(data[1]) + len(data[2]) + 5000, 2)
    assert (await library.services.quotas.outlook(library.scope, 1)).uploads_this_month == 2


async def test_limits_that_are_set_hold_and_none_takes_them_away(library):
    """Each limit is set by itself; the answer shows the tenant as it is then."""
    name = (await mine(library)).tenant.name
    tenants = library.services.tenants
    changed = await tenants.set_limits(name, {"storage_quota_bytes": 0})
    assert (changed.tenant.storage_quota_bytes, changed.tenant.monthly_upload_limit) == (0, None)
    with pytest.raises(QuotaExceeded):
        await library.take_in()
    await tenants.set_limits(name, {"monthly_upload_limit": 2**63 - 1})
    cleared = await tenants.set_limits(name, {"storage_quota_bytes": None})
    assert (cleared.tenant.storage_quota_bytes, cleared.tenant.monthly_upload_limit) == (None, 2**63 - 1)
    await library.take_in()
    assert (await tenants.show(name)).usage.files == 1


@pytest.mark.parametrize(
    "limits", [{}, {"storage_quota_bytes": -1}, {"monthly_upload_limit": 2**63}, {"name": 1}, {"created_at": None}]
)
async def test_other_limits_are_refused(library, limits):
    """Negative ones, those that no column holds, other columns, and nothing at all."""
    with pytest.raises(InvalidInput):
        await library.services.tenants.set_limits((await mine(library)).tenant.name, limits)


async def test_tenants_that_do_not_exist_are_not_made(library):
    """A name with a typing error is an error."""
    for ask in (
        library.services.tenants.show("nobody"),
        library.services.tenants.set_limits("nobody", {"storage_quota_bytes": 1}),
    ):
        with pytest.raises(NotFound, match="nobody"):
            await ask
