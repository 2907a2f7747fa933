"""What the text of a URL says: its parts, and whether it may be fetched as far as the text tells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urljoin

from calotype.crawling.addresses import Allowed, why_not_public
from calotype.crawling.host import Host, parse_host
from calotype.domain.errors import AddressNotAllowed

MAX_URL_CHARACTERS = 8192  # most servers refuse longer request lines; signed links of buckets have up to 2,500
_MAX_FILENAME = 255
_PORTS = {"http": 80, "https": 443}

_PARTS = re.compile(
    r"(?:([^:/?#]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL
)  # RFC 3986, appendix B
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?")
# Control characters, spaces of every script, backslashes (some parsers take them for slashes) and lone surrogates.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\x9f\\\s\u2028\u2029\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]")
_SAFE = "!#$%&'()*+,/:;=?@[]~"  # what may stand in a path or query; % because escapes are there already


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be asked for: `url` is its text as it is sent, ASCII only, without user, password and fragment."""

    url: str
    host: Host
    port: int


def check_url(url: str, allowed: Allowed | None = None) -> None:
    """Refuse a URL for what its text alone shows; nothing is looked up, so a name is never refused for where it leads.

    Raises AddressNotAllowed: another scheme than http and https, a user name or password, no host or an odd one, a port that
    cannot be, a literal address that is neither public nor allowed, characters that do not belong into a URL, and more
    than `MAX_URL_CHARACTERS`.
    """
    target_of(url, allowed or Allowed())


def target_of(url: str, allowed: Allowed) -> Target:
    """Take a URL apart and check it as `check_url` does. Raises AddressNotAllowed."""
    _check_text(url)
    match = _PARTS.fullmatch(url)
    assert match  # every text has these parts, if empty ones
    scheme, authority, path, query = ((part or "") for part in match.groups())
    scheme = scheme.lower()
    if scheme not in _PORTS:
        raise AddressNotAllowed("only http and https URLs are fetched")
    host, port = _authority(authority)
    if host.address is not None and not allowed.permits(host.name, host.address):
        check_public(host)
    where = f"[{host.name}]" if ":" in host.name else host.name
    if port not in {None, _PORTS[scheme]}:
        where += f":{port}"
    tail = quote(path or "/", _SAFE) + (f"?{quote(query, _SAFE)}" if match.group(4) is not None else "")
    return Target(f"{scheme}://{where}{tail}", host, port or _PORTS[scheme])


def host_of(url: str) -> str:
    """The host of a URL in the one spelling it is looked up in, wherever it leads. Raises AddressNotAllowed where it has none."""
    match = _PARTS.fullmatch(url)
    host, _ = _authority((match.group(2) if match else None) or "")
    return host.name


def endpoint_of(url: str) -> tuple[str, Allowed]:
    """The base URL of a service the operator named, without slashes at its end, and the permission to reach its host.

    Raises AddressNotAllowed for what `check_url` refuses, but for addresses that are not public, and for a query or fragment,
    since paths are put behind it.
    """
    if "?" in url or "#" in url:
        raise AddressNotAllowed("a base URL has no query and no fragment")
    allowed = Allowed(frozenset({host_of(url)}))
    return target_of(url, allowed).url.rstrip("/"), allowed


def check_public(host: Host) -> None:
    """Refuse a host that is written as an address that is not public. Raises AddressNotAllowed."""
    if host.address is not None and (why := why_not_public(host.address)):
        raise AddressNotAllowed(f"the address in the URL is not public ({why})")


def redirected(base: Target, location: str, allowed: Allowed) -> Target:
    """Where an answer's `Location` leads, relative or not, checked like any URL. Raises AddressNotAllowed."""
    try:
        _check_text(location)
        return target_of(_joined(base.url, location), allowed)
    except AddressNotAllowed as error:
        raise AddressNotAllowed(f"a redirect leads to a URL that is not allowed: {error.message}") from error


def filename_in(url: str) -> str | None:
    """A file name from the last path segment of a URL, at most 255 characters; None where there is none to be found."""
    match = _PARTS.fullmatch(url)
    path = match.group(3) if match else ""
    last = unquote(path.rsplit("/", 1)[-1])
    name = re.split(r"[/\\]", _CONTROL.sub("", last))[-1].strip()
    return name[:_MAX_FILENAME] if name.strip(".") else None


def _joined(base: str, location: str) -> str:
    # urllib takes `http:x` and `http:///x` for relative and refuses some hosts itself; it only gets to see paths and queries.
    if _SCHEME.match(location):
        return location
    if location.startswith("//"):
        return f"{base.partition(':')[0]}:{location}"
    return urljoin(base, location)


def _check_text(url: str) -> None:
    if not url:
        raise AddressNotAllowed("the URL is empty")
    if len(url) > MAX_URL_CHARACTERS:
        raise AddressNotAllowed(f"the URL is longer than {MAX_URL_CHARACTERS} characters")
    if _FORBIDDEN.search(url):
        raise AddressNotAllowed("the URL contains a space, a backslash or a control character; escape it")


def _authority(text: str) -> tuple[Host, int | None]:
    if "@" in text:
        raise AddressNotAllowed("a URL with a user name or password is not fetched")
    match = _AUTHORITY.fullmatch(text)
    if not match:
        raise AddressNotAllowed("the host or port of the URL is not valid")
    name, digits = match.groups()
    if not name:
        raise AddressNotAllowed("the URL has no host")
    port = int(digits) if digits else None
    if port is not None and not 1 <= port <= 65535:
        raise AddressNotAllowed("the port of the URL is not valid")
    try:
        return parse_host(name), port
    except ValueError as error:
        raise AddressNotAllowed(f"the URL cannot be fetched: {error}") from error
