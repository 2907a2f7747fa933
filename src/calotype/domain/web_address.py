"""URLs of web pages: the form they are compared in, the host people see, and what a page's references mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from urllib.parse import quote, urljoin

from calotype.domain.errors import Refused

MAX_ABSOLUTE = 2048
"""How long the URLs may be that are read off pages, in characters."""

_PORTS = {"http": "80", "https": "443"}
_PARTS = re.compile(
    r"(?:([^:/?#]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL
)  # RFC 3986, appendix B
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_BRACKETED = re.compile(r"(\[[^\[\]]*\])(?::(.*))?", re.DOTALL)
_SPACE = "".join(map(chr, range(33)))
# What the URL standard lets stand in no host; `/?#@` part it from the rest before.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0/?#@:<>\[\\\]^|]|\s")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_LINE_BREAKS = re.compile(r"[\t\n\r]")
_MAX_HOST = 253  # RFC 1035
_DOTS = ".\u3002\uff0e\uff61"  # UTS 46
_MAX_REFERENCE = 8192  # spaces and line breaks included
_SAFE = "!$%&'()*+,/:;=?@[]~"  # what may stand in a path or query; % because escapes are there already


@dataclass(frozen=True, slots=True)
class _Address:
    """The parts of a URL; `host` lower-cased, otherwise as sent; the others as sent, `query` None where there is none."""

    scheme: str
    user: str
    host: str
    port: str
    path: str
    query: str | None

    def text(self, user: str) -> str:
        """The URL in the form that is compared, without its fragment."""
        port = self.port.lstrip("0") if self.port.isascii() and self.port.isdigit() else self.port
        where = _comparable(self.host) + (f":{port}" if port and port != _PORTS[self.scheme] else "")
        query = "" if self.query is None else f"?{self.query}"
        return f"{self.scheme}://{user}{where}{self.path or '/'}{query}"


def normalized(url: str) -> str:
    """The form in which URLs are compared: two with the same one lead to the same page.

    Scheme and host are lower-cased, international names in their ASCII form, without a dot at the end; default port and fragment
    dropped; an empty path is `/`. Path and query stay as they are. Raises Refused: another scheme than http and https, no host or
    what cannot be one, and characters that cannot be stored.
    """
    address = _parse(url)
    return address.text(address.user)


def domain_of(url: str) -> str:
    """The host as it was written, in lower case, without port, user and password; IPv6 in brackets. Raises like `normalized`."""
    return _parse(url).host


def absolute(base: str | None, reference: str) -> str | None:
    """Where a reference on a page leads, as browsers read it: an http(s) URL in ASCII, without user, password and fragment.

    `base` is the URL that relative ones start from. None for what leads to nothing that could be fetched, and for URLs longer
    than `MAX_ABSOLUTE`.
    """
    if len(reference) > _MAX_REFERENCE:
        return None
    try:
        address = _resolved(base, _as_browsers_read(reference))
        where = _comparable(address.host)
        if not where.isascii() or not (address.port == "" or _is_port(address.port)):
            return None
        url = quote(address.text(""), _SAFE)
    except (Refused, ValueError):  # ValueError of urllib, for hosts it dislikes
        return None
    return url if len(url) <= MAX_ABSOLUTE else None


def _as_browsers_read(reference: str) -> str:
    text = _LINE_BREAKS.sub("", reference.strip(_SPACE))
    path, mark, query = text.partition("#")[0].partition("?")
    scheme = _SCHEME.match(path)
    if scheme is None or scheme.group()[:-1].lower() in _PORTS:
        path = path.replace("\\", "/")
    return path + mark + query


def _resolved(base: str | None, text: str) -> _Address:
    # urllib takes `http:x` for relative and refuses some hosts itself; it only gets to see paths and queries.
    if base is None or _SCHEME.match(text):
        return _parse(text)
    if text.startswith("//"):
        return _parse(f"{base.strip().partition(':')[0]}:{text}")
    return _parse(urljoin(_start(base), text))


@lru_cache(maxsize=16)
def _start(base: str) -> str:
    """A page's URL as urllib may see it; all references of a page start from the same."""
    return _parse(base).text("")


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) <= 65535


def _parse(url: str) -> _Address:
    text = url.strip()
    match = _PARTS.fullmatch(text)
    assert match  # every text has these parts, if empty ones
    scheme, authority, path, query = match.groups()
    scheme = (scheme or "").lower()
    if scheme not in _PORTS:
        raise Refused("the URL must start with http:// or https://")
    if _UNSTORABLE.search(text):
        raise Refused("the URL contains characters that are not allowed")
    user, at, where = (authority or "").rpartition("@")
    if "\\" in user:  # browsers read it as a slash, and would go elsewhere
        raise Refused("the URL contains a backslash before its host")
    host, port = _host_and_port(where)
    return _Address(scheme, user + at, host, port, path, query)


def _host_and_port(where: str) -> tuple[str, str]:
    if where.startswith("["):
        match = _BRACKETED.fullmatch(where)
        if not match or _ipv6(match.group(1)) is None:
            raise Refused("what is in the brackets of the URL is no IPv6 address")
        return match.group(1).lower(), match.group(2) or ""
    host, _, port = where.partition(":")
    if not host:
        raise Refused("the URL has no host")
    if _FORBIDDEN.search(host) or not _comparable(host.lower()):
        raise Refused("the host of the URL is not valid")
    return host.lower(), port


def _ipv6(bracketed: str) -> IPv6Address | None:
    text = bracketed[1:-1]
    try:
        return None if _FORBIDDEN.search(text.replace(":", "")) else IPv6Address(text.lower())
    except ValueError:
        return None


def _comparable(host: str) -> str:
    """The one spelling of a host that is lower-cased already; "" for dots alone."""
    if host.startswith("["):
        address = _ipv6(host)
        assert address  # was read before
        if (mapped := address.ipv4_mapped) is not None:  # written differently by different versions of Python
            high, low = divmod(int(mapped), 1 << 16)
            return f"[::ffff:{high:x}:{low:x}]"
        return f"[{address}]"
    return (host if host.isascii() else _to_ascii(host)).rstrip(_DOTS)


def _to_ascii(host: str) -> str:
    """The form of an international name that is looked up (UTS 46), by the older rules (RFC 3490) where it has none.

    The name itself where it has neither.
    """
    import idna

    if len(host) > _MAX_HOST:
        return host
    try:
        found = idna.encode(host, uts46=True).decode()
    except UnicodeError:
        try:
            found = host.encode("idna").decode()
        except UnicodeError:
            return host
    return host if _FORBIDDEN.search(found) else found.lower()
