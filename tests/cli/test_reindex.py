"""`calotype reindex` embeds what lacks it, survives being killed, and says what it did."""

from __future__ import annotations

import json
import signal

import pytest

from calotype.domain.searchable import searchable_asset
from tests.running import wait_for

MANY = 3_000


@pytest.fixture
def described_assets(calotype, request):
    """Many described assets of the default tenant, none of them embedded; returns how many."""
    number = getattr(request, "param", MANY)
    assert calotype("keys", "create", "reindex").returncode == 0
    document = searchable_asset(title="A lighthouse", filename="a.jpg", tags=[], description=None, visible_text=None)
    calotype.sql(
        """
        INSERT INTO asset (id, tenant_id, media_type, content_type, format, upload_method, object_key, original_filename,
            size_bytes, checksum, storage_target, auto_describe, title, tags, created_at, updated_at, variants,
            variant_status, description_status, has_description, description, search)
        SELECT gen_random_uuid(), tenant.id, 'image', 'image/jpeg', 'JPEG', 'STREAMING', 'x', 'a.jpg', 1, ''::bytea,
            'default', true, 'A lighthouse ' || number, '{}', now(), now(), '{}', 'completed', 'completed', true,
            repeat('On the coast of the sea. ', 20), %s::tsvector
        FROM tenant, generate_series(1, %s) AS number WHERE tenant.name = 'default'
        """,
        document,
        number,
    )
    yield number
    calotype.sql("DELETE FROM asset")


def embedded(calotype):
    """How many vectors there are."""
    return calotype.sql("SELECT count(*) FROM embedding")[0][0]


def test_it_embeds_goes_on_after_a_kill_and_then_has_nothing_to_do(calotype, described_assets):
    """Killed in the middle it keeps what it has; the next run does the rest alone; the one after that nothing."""
    first = calotype.start("reindex")
    wait_for(lambda: embedded(calotype), "nothing was embedded")
    first.send_signal(signal.SIGKILL)
    first.communicate()
    done = embedded(calotype)
    assert 0 < done < described_assets
    second = calotype("reindex", "--json")
    assert second.returncode == 0, second.stderr
    summary = json.loads(second.stdout)
    # The database may have finished one more batch of the killed process.
    assert described_assets - summary["embedded"] >= done
    assert summary["embedded"] == summary["of"]
    assert summary["finished"] is True
    assert embedded(calotype) == described_assets
    third = calotype("reindex")
    assert third.returncode == 0
    assert third.stdout.startswith("0 embedded in ")
    again = json.loads(calotype("reindex", "--all", "--json").stdout)
    assert again["embedded"] == described_assets


def test_ctrl_c_ends_it_and_it_can_go_on(calotype, described_assets):
    """Ctrl-C ends with a word on how to go on, and with the status shells use for it."""
    running = calotype.start("reindex")
    wait_for(lambda: embedded(calotype), "nothing was embedded")
    running.send_signal(signal.SIGINT)
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "run it again to go on" in out
    assert 0 < embedded(calotype) < described_assets
    assert calotype("reindex").returncode == 0
    assert embedded(calotype) == described_assets


def test_two_at_once_do_it_together(calotype, described_assets):
    """Two runs at once neither fail nor leave anything out."""
    runs = [calotype.start("reindex"), calotype.start("reindex")]
    wait_for(lambda: embedded(calotype), "nothing was embedded")
    assert [run.wait(120) for run in runs] == [0, 0]
    assert embedded(calotype) == described_assets
    assert json.loads(calotype("reindex", "--json").stdout)["of"] == 0


@pytest.mark.parametrize("described_assets", [7], indirect=True)
def test_the_doctor_tells_what_to_run(calotype, described_assets):
    """Images that nothing has embedded yet are counted, with the command that mends it; afterwards all is well."""
    found = {check["name"]: check for check in json.loads(calotype("doctor", "--json").stdout)}["embeddings"]
    assert found["finding"].startswith(f"{described_assets} images")
    assert found["remedy"] == "run: calotype reindex"
    assert found["is_fault"] is False
    calotype("reindex")
    found = {check["name"]: check for check in json.loads(calotype("doctor", "--json").stdout)}["embeddings"]
    assert found["remedy"] is None
