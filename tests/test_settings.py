"""What a setting may be: numbers that clocks and calendars can be asked with, and an address that links can begin with."""

from __future__ import annotations

import typing
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from calotype.settings import Settings

TIMES = {"days": timedelta(days=1), "hours": timedelta(hours=1), "seconds": timedelta(seconds=1)}
_OF_TIME = ("Seconds ", "Hours ", "Days ", "Length of the rate limit's window")


def numbers(*kinds):
    """The names of all settings of these kinds, each also where it may be absent."""
    found = {name: field.annotation for name, field in Settings.model_fields.items()}
    return [name for name, kind in found.items() if set(kinds) & {kind, *typing.get_args(kind)}]


def refused(name, value):
    """Whether a setting may not have a value."""
    try:
        Settings(**{name: value})
    except ValidationError:
        return True
    return False


def of_time():
    """The names of all settings that are a time, by what is said of them."""
    described = {name: Settings.model_fields[name].description or "" for name in numbers(int, float)}
    return [name for name, text in described.items() if text.startswith(_OF_TIME)]


def test_no_number_is_without_end():
    """Neither infinities nor what is no number are taken for one."""
    names = numbers(float)
    assert len(names) > 10
    assert [name for name in names for value in ("inf", "-inf", "nan") if not refused(name, value)] == []


def test_a_time_is_one_that_calendars_know():
    """However long it may be, it can be counted from now, both ways, and as many days at least; more is refused."""
    names = of_time()
    assert set(numbers(float)) <= set(names)
    assert {"trash_days", "webhook_log_days", "chunked_lifetime", "link_lifetime", "rate_window"} <= set(names)
    endless = [name for name in names if not refused(name, 10**9 if "day" in name or "hour" in name else 10**12)]
    assert endless == []


@pytest.mark.parametrize(
    ("name", "unit", "most"),
    [
        ("trash_days", "days", 36_500),
        ("webhook_log_days", "days", 36_500),
        ("orphan_age_hours", "hours", 876_000),
        ("analysis_grace", "seconds", 3_153_600_000),
        ("device_key_grace_seconds", "seconds", 3_153_600_000),
        ("batch_max_age_seconds", "seconds", 3_153_600_000),
        ("webhook_first_pause", "seconds", 3600),
    ],
)
def test_the_longest_time_can_be_counted_from_now(name, unit, most):
    """A hundred years are allowed where nothing less is said, and not one unit more."""
    assert getattr(Settings(**{name: most}), name) == most
    assert refused(name, most + 1)
    now = datetime.now(UTC)
    assert now - most * TIMES[unit] < now < now + most * TIMES[unit]


@pytest.mark.parametrize(
    "url",
    [
        "https://photos.example.org",
        "http://localhost:8484/",
        "HTTPS://example.org/library/a~b",
        "http://[::1]:8080",
        "http://10.0.0.1/x/",
    ],
)
def test_links_can_begin_with_the_address_of_a_server(url):
    """Its scheme, host, port and path stay as they are."""
    assert Settings(public_url=url).public_url == url


@pytest.mark.parametrize(
    "url",
    [
        "photos.example.org",
        "//photos.example.org",
        "ftp://photos.example.org",
        "https://",
        "https:///path",
        "https://example.org:http",
        "https://example.org:99999",
        "https://example.org:0",
        "https://example.org?a=1",
        "https://example.org/?",
        "https://example.org/#top",
        "https://user:secret@example.org",
        "https://exam ple.org",
        "https://example.org\n",
        "https://brücke.example.org",
        "https://[::1",
        "https://example.org/a\\b",
    ],
)
def test_nothing_else_is_a_public_address(url):
    """It is refused with what it should be; what was given is not part of the complaint."""
    with pytest.raises(ValidationError) as refusal:
        Settings(public_url=url)
    (fault,) = refusal.value.errors()
    assert fault["loc"] == ("public_url",)
    assert fault["msg"] == "set it to http(s)://host[:port][/path], without query or fragment"
