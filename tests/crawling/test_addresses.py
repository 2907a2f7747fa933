"""Which addresses are public, and which are allowed anyway."""

import contextlib
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calotype.crawling.addresses import Allowed, special_networks, why_not_public
from calotype.domain.errors import InvalidInput

SPECIAL = [network for network, _ in special_networks()]
ANY_ADDRESS = st.ip_addresses()
IN_SPECIAL = st.sampled_from(SPECIAL).flatmap(
    lambda network: st.integers(0, network.num_addresses - 1).map(lambda at: network[at])
)
# Every first and last address of a network, and what lies beside it.
EDGES = [
    ip_address(type(network[0])(at))
    for network in SPECIAL
    for at in (int(network[0]) - 1, int(network[0]), int(network[-1]), int(network[-1]) + 1)
    if 0 <= at < 2**network.max_prefixlen
]


@given(IN_SPECIAL)
def test_no_address_of_a_special_network_is_public(address):
    """Wherever in a listed network an address lies, it is refused."""
    assert why_not_public(address)


@given(ANY_ADDRESS)
def test_what_is_public_is_so_for_the_standard_library_too(address):
    """The table forgets nothing that Python's own knows."""
    if why_not_public(address) is None:
        assert address.is_global
        assert not address.is_multicast


@pytest.mark.parametrize("address", EDGES, ids=str)
def test_edges_of_networks_are_where_the_standard_library_has_them(address):
    """First and last addresses, and their neighbours, are refused wherever Python's own table refuses them."""
    if why_not_public(address) is None:
        assert address.is_global


@given(st.ip_addresses(v=4))
@example(IPv4Address("8.8.8.8"))
def test_ipv4_wrapped_in_ipv6_is_never_public(inner):
    """Mapped, compatible, translated, NAT64, 6to4 and Teredo forms are refused, whatever they wrap."""
    number = int(inner)
    wrapped = [
        0xFFFF << 32 | number,
        number,
        0xFFFF << 48 | number,
        0x64FF9B << 96 | number,
        0x64FF9B0001 << 80 | number,
        0x2002 << 112 | number << 80,
        0x20010000 << 96 | (number ^ 0xFFFFFFFF),
        0x20010000 << 96 | number << 64 | 0xFFFF,
    ]
    assert all(why_not_public(IPv6Address(form)) for form in wrapped)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("0.0.0.0", "unspecified"),
        ("10.0.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "shared"),
        ("169.254.169.254", "link-local"),
        ("192.0.0.170", "protocol"),
        ("198.19.0.1", "benchmarking"),
        ("203.0.113.9", "documentation"),
        ("224.0.0.1", "multicast"),
        ("250.1.1.1", "reserved"),
        ("255.255.255.255", "broadcast"),
        ("168.63.129.16", "metadata"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::127.0.0.1", "ipv4-compatible"),
        ("::ffff:8.8.8.8", "ipv4-mapped"),
        ("64:ff9b::7f00:1", "nat64"),
        ("64:ff9b:1::1", "nat64"),
        ("2001:0:1::1", "teredo"),
        ("2002:7f00:1::", "6to4"),
        ("2001:db8::1", "documentation"),
        ("2001:2::1", "benchmarking"),
        ("fd00:ec2::254", "unique-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "scoped"),
        ("2a00:1450::1%1", "scoped"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
        ("4000::1", "reserved"),
        ("172.15.255.255", None),
        ("172.32.0.0", None),
        ("8.8.8.8", None),
        ("100.128.0.0", None),
        ("223.255.255.255", None),
        ("2a00:1450:4001::1", None),
        ("2606:4700::1111", None),
    ],
)
def test_the_reason_is_told(address, why):
    """The smallest network an address lies in names why it is refused; ordinary addresses are public."""
    assert why_not_public(ip_address(address)) == why


def test_nothing_is_allowed_by_default():
    """An empty setting, or one of blanks and commas, has no exceptions."""
    assert Allowed.parse("") == Allowed.parse(" , ,") == Allowed()
    assert not Allowed().permits("localhost", ip_address("127.0.0.1"))


def test_a_name_is_allowed_wherever_it_leads():
    """However it is spelled, and neither its subdomains nor its addresses under other names."""
    allowed = Allowed.parse("Media.Example.Internal., bücher.example")

    assert allowed.permits("media.example.internal", ip_address("10.0.0.1"))
    assert allowed.permits("xn--bcher-kva.example", ip_address("::1"))
    assert not allowed.permits("x.media.example.internal", ip_address("10.0.0.1"))
    assert not allowed.permits("other", ip_address("10.0.0.1"))


def test_addresses_and_networks_are_allowed_under_every_name():
    """With or without brackets, and nothing beside them."""
    allowed = Allowed.parse("10.1.0.0/16,127.0.0.1,[::1],fd00:1::/32,fd00:2::5,[fd00:3::]/32")

    for address in ("10.1.255.255", "127.0.0.1", "::1", "fd00:1::9", "fd00:2::5", "fd00:3::1"):
        assert allowed.permits("any.name", ip_address(address)), address
    for address in ("10.2.0.0", "127.0.0.2", "::2", "fd00:2::6", "::ffff:127.0.0.1", "fd00:1::9%eth0"):
        assert not allowed.permits("any.name", ip_address(address)), address


@pytest.mark.parametrize(
    "entry",
    [
        "10.1.2.3/16",
        "10.0.0.0/33",
        "10.0.0.0/255.0.0.0",
        "10.0.0.0/",
        "/8",
        "host/8",
        "host:8080",
        "127.0.0.1:80",
        "[::1]:80",
        "[::1",
        "::1]",
        "http://host",
        "*.example.com",
        "user@host",
        "a b",
        "127.1",
        "0x7f000001",
        "2130706433",
        "127.0.0.1.",
        "fe80::1%eth0",
        "fe80::%eth0/64",
        "a..b",
        "-a",
        "a" * 64,
        "\uff0e",
    ],
)
def test_an_entry_that_cannot_be_read_is_named(entry):
    """A mistake in the setting is told with the entry, instead of allowing something else."""
    with pytest.raises(InvalidInput) as refused:
        Allowed.parse(f"good.example,{entry}")

    assert repr(entry) in refused.value.message
    assert "good" not in refused.value.message


@given(st.text(max_size=40))
def test_any_text_is_a_list_or_refused(text):
    """Nothing but InvalidInput comes of a setting."""
    with contextlib.suppress(InvalidInput):
        Allowed.parse(text)


@given(st.ip_addresses(), st.integers(0, 128))
def test_a_network_allows_exactly_its_addresses(address, bits):
    """What is written as a network is understood as Python's own module understands it."""
    network = ip_network(f"{address}/{min(bits, address.max_prefixlen)}", strict=False)
    allowed = Allowed.parse(str(network))

    assert allowed.permits("x", network[0])
    assert allowed.permits("x", network[-1])
    outside = int(network[-1]) + 1
    if outside < 2**network.max_prefixlen:
        assert not allowed.permits("x", type(network[0])(outside))
