"""Which addresses are public, and which others an installation allows anyway."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Self

from calotype.crawling.host import Host, parse_host
from calotype.domain.errors import InvalidInput

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# The IANA IPv4 special-purpose address registry and the multicast space, each with why nothing is fetched from there. Those
# that are routed globally (AS112, relays) are in it too: they serve the network one is in, and no media.
# `ipaddress.is_global` is not asked, because its table differs between patch versions of Python.
_SPECIAL_V4 = {
    "0.0.0.0/8": "unspecified",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "metadata",  # a public number that Azure answers on every virtual machine
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "protocol",
    "192.0.2.0/24": "documentation",
    "192.31.196.0/24": "as112",
    "192.52.193.0/24": "relay",
    "192.88.99.0/24": "6to4",
    "192.168.0.0/16": "private",
    "192.175.48.0/24": "as112",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "255.255.255.255/32": "broadcast",
}
# The IANA IPv6 special-purpose address registry, and from the IPv6 address space registry everything that is not
# global unicast (2000::/3).
_SPECIAL_V6 = {
    "::/128": "unspecified",
    "::1/128": "loopback",
    "::/96": "ipv4-compatible",
    "::ffff:0:0/96": "ipv4-mapped",
    "::ffff:0:0:0/96": "ipv4-translated",
    "::/8": "reserved",
    "64:ff9b::/96": "nat64",
    "64:ff9b:1::/48": "nat64",
    "100::/64": "discard",
    "100:0:0:1::/64": "dummy",
    "100::/8": "reserved",
    "200::/7": "reserved",
    "400::/6": "reserved",
    "800::/5": "reserved",
    "1000::/4": "reserved",
    "2001::/32": "teredo",
    "2001::/23": "protocol",
    "2001:2::/48": "benchmarking",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "2620:4f:8000::/48": "as112",
    "3ffe::/16": "reserved",
    "3fff::/20": "documentation",
    "4000::/3": "reserved",
    "5f00::/16": "segment-routing",
    "6000::/3": "reserved",
    "8000::/3": "reserved",
    "a000::/3": "reserved",
    "c000::/3": "reserved",
    "e000::/4": "reserved",
    "f000::/5": "reserved",
    "f800::/6": "reserved",
    "fc00::/7": "unique-local",
    "fe00::/9": "reserved",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}


@lru_cache(maxsize=1)
def special_networks() -> tuple[tuple[Network, str], ...]:
    """Every network nothing is fetched from, with one word for why; the smaller ones first, so that they name the reason."""
    networks = [(ip_network(text), why) for text, why in (_SPECIAL_V4 | _SPECIAL_V6).items()]
    return tuple(sorted(networks, key=lambda entry: -entry[0].prefixlen))


def why_not_public(address: Address) -> str | None:
    """One word for why an address is not public; None when it is."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "scoped"
    return next((why for network, why in special_networks() if address in network), None)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be fetched although it is not public: host names with whatever they resolve to, and networks."""

    names: frozenset[str] = field(default_factory=frozenset)
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a comma-separated list of host names, addresses and networks, such as `nas.lan,10.1.0.0/16,[::1]`.

        Raises InvalidInput naming the entry. Ports and wildcards are not understood.
        """
        names: set[str] = set()
        networks: list[Network] = []
        for entry in filter(None, (part.strip() for part in text.split(","))):
            try:
                if "/" in entry:
                    networks.append(_network(entry))
                    continue
                host = _host(entry)
            except ValueError as error:
                message = f"{entry!r} is no host name, address or network ({error})"
                raise InvalidInput(message, field="fetch_allow") from error
            if host.address is None:
                names.add(host.name)
            else:
                networks.append(ip_network(host.address))
        return cls(frozenset(names), tuple(networks))

    def permits(self, name: str, address: Address) -> bool:
        """Whether this address, found under this name (as `parse_host` gives it), is one of them."""
        if name in self.names:
            return True
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            return False
        return any(address in network for network in self.networks)


def _host(text: str) -> Host:
    bare = ":" in text and not text.startswith("[")
    return parse_host(f"[{text}]" if bare else text)


def _network(entry: str) -> Network:
    start, _, length = entry.partition("/")
    address = _host(start).address
    if address is None or not (length.isascii() and length.isdigit()):
        raise ValueError("a network is an address and the number of its bits, such as 10.1.0.0/16")
    return ip_network(f"{address}/{length}")
