"""`calotype keys`: a key is shown once, on its own, and only its hash is kept."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest

from calotype.cli.keys import _parse_expiry
from calotype.domain.errors import InvalidInput


@pytest.fixture(scope="module")
def key(calotype):
    """A key of a new tenant, with a prefix that existing clients check for."""
    done = calotype("keys", "create", "[camera]", "--tenant", "harbour", "--prefix", "aion", "--expires", "90d")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_a_new_key_stands_alone_on_standard_output(key):
    """Scripts can take it from there as it is."""
    assert re.fullmatch(r"aion_[A-Za-z0-9_-]{43}\n", key)


def test_only_the_hash_of_a_key_is_stored(calotype, key):
    """No column of any row of any table holds the key, nor more of it than tells keys apart."""
    secret = key.strip()
    tables = calotype.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    everything = "\n".join(
        row[0] for (table,) in tables for row in calotype.sql(f'SELECT to_jsonb(t)::text FROM "{table}" AS t')
    )
    assert hashlib.sha256(secret.encode()).hexdigest() in everything
    assert secret[:9] in everything
    assert secret[:11] not in everything
    assert secret[9:] not in everything


def test_the_list_shows_keys_without_their_secrets_and_revoking_by_id_or_by_key_ends_them(calotype, key):
    """Each key has its state; one that is revoked cannot be revoked again, and says so with status 1."""
    other = calotype("keys", "create", "other").stdout.strip()
    listing = calotype("keys", "list").stdout
    ours = next(line for line in listing.splitlines() if "aion_" in line)
    assert "harbour" in ours
    assert "[camera]" in ours
    assert "valid" in ours
    assert (datetime.now(UTC) + timedelta(days=90)).strftime("%Y-%m-%d") in ours
    assert key.strip() not in listing

    by_id = calotype("keys", "revoke", ours.split("│")[1].strip())
    by_key = calotype("keys", "revoke", other)
    again = calotype("keys", "revoke", other)

    assert (by_id.returncode, by_key.returncode, again.returncode) == (0, 0, 1)
    assert by_id.stdout == by_key.stdout == again.stdout == ""
    assert "no such key" in again.stderr
    assert calotype("keys", "list").stdout.count("revoked") == 2


def test_an_id_is_whole_on_a_narrow_terminal_too(calotype, key):
    """It is what `keys revoke` takes, so it can be copied from 80 columns."""
    assert key
    shown = calotype("keys", "list", FORCE_COLOR="1", TERM="dumb", COLUMNS="80").stdout
    assert all(len(line) <= 80 for line in shown.splitlines())
    for (identity,) in calotype.sql("SELECT id::text FROM api_key"):
        assert identity in shown


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("create", "x", "--prefix", "Aion1"), 1, "prefix"),
        (("create", "x", "--expires", "2001-01-01"), 1, "past"),
        (("revoke", "not-a-key"), 1, "id"),
        (("create",), 2, "keys create"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason_and_nothing_is_printed(calotype, arguments, status, told):
    """Standard output stays empty, so that no script takes a complaint for a key."""
    before = calotype.sql("SELECT count(*) FROM api_key")

    done = calotype("keys", *arguments)

    assert done.returncode == status
    assert done.stdout == ""
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert calotype.sql("SELECT count(*) FROM api_key") == before


def test_an_expiry_is_a_date_a_time_or_a_number_of_days():
    """Dates and times without an offset are read as UTC."""
    assert _parse_expiry("2031-05-01") == datetime(2031, 5, 1, tzinfo=UTC)
    assert _parse_expiry("2031-05-01T12:30:00+02:00") == datetime(2031, 5, 1, 10, 30, tzinfo=UTC)
    assert _parse_expiry("2031-05-01T12:30:00Z") == datetime(2031, 5, 1, 12, 30, tzinfo=UTC)
    in_a_day = _parse_expiry("1d")
    assert datetime.now(UTC) < in_a_day <= datetime.now(UTC) + timedelta(days=1)


@pytest.mark.parametrize("text", ["soon", "90", "-1d", "2031-13-01", "100000d", "1h", "\u0661d "])
def test_any_other_expiry_is_refused(text):
    """What cannot be understood never makes a key that lives for ever."""
    with pytest.raises(InvalidInput):
        _parse_expiry(text)
