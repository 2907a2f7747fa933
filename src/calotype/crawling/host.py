"""The host of a URL: a name, or an address that is written out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

_MAX_NAME = 253  # RFC 1035, without the dot at the end
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# The URL standard's test for a host that systems read as an IPv4 address: 127.1, 2130706433 and 0x7f.1 are 127.0.0.1.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Host:
    """A host: `name` in lower-case ASCII without a dot at the end, and its address where the name is one."""

    name: str
    address: IPv4Address | IPv6Address | None = None


def parse_host(text: str) -> Host:
    """Read the host of a URL, IPv6 in brackets. Raises ValueError with the reason, for people.

    Only one spelling of each address is understood. Other systems read more of them, each differently.
    """
    if "%" in text:
        raise ValueError("a host must not contain %")
    if text.startswith("["):
        return _bracketed(text)
    ascii_text = text.lower() if text.isascii() else _to_ascii(text).lower()
    name = ascii_text.removesuffix(".")
    if not name:
        raise ValueError("the host is missing")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _dotted(ascii_text)
    if len(name) > _MAX_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("the host is no valid name")
    return Host(name)


def _bracketed(text: str) -> Host:
    try:
        address = IPv6Address(text[1:].removesuffix("]"))
    except AddressValueError as error:
        raise ValueError("what is in brackets is no IPv6 address") from error
    if not text.endswith("]"):
        raise ValueError("the bracket is not closed")
    return Host(str(address), address)


def _dotted(text: str) -> Host:
    try:
        address = IPv4Address(text)
    except AddressValueError as error:
        raise ValueError("an IPv4 address must be written as four decimal numbers") from error
    return Host(text, address)


def _to_ascii(text: str) -> str:
    """The form of an international name that is looked up (UTS 46); full-width digits become digits."""
    from yarl import URL

    try:
        found = URL.build(scheme="http", host=text).raw_host
    except ValueError as error:  # of idna, too
        raise ValueError("the host is no valid international name") from error
    if not found or not found.isascii():
        raise ValueError("the host is no valid international name")
    return found
