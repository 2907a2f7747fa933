"""Where the fetcher connects to: only to addresses it has checked, whatever names and name servers say."""

import asyncio
from ipaddress import ip_address

import pytest

from calotype.crawling.client import Client
from calotype.crawling.lookup import SystemLookup
from calotype.domain.errors import AddressNotAllowed, DownloadFailed
from tests.crawling.sites import Names, answer, download, fetching, run_program, site


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["8.8.8.8", "10.0.0.1"],
        ["10.0.0.1", "8.8.8.8"],
        ["2a00:1450::1", "8.8.8.8", "fd00::1"],
        ["::ffff:8.8.8.8"],
        ["fe80::1%2"],
        ["2a00:1450::1%2"],
        ["0.0.0.0"],
    ],
)
async def test_a_name_with_any_private_address_is_refused(addresses):
    """All of a name's addresses have to be public, and no message tells one."""
    async with fetching(allow="", lookup=Names(host_example=[addresses])) as fetcher:
        with pytest.raises(AddressNotAllowed) as refused:
            await download(fetcher, "http://host.example/")

    assert not any(address in refused.value.message for address in addresses)


async def test_a_name_may_have_public_and_allowed_addresses():
    """One that does not answer is passed over: nothing listens at the first here."""
    async with site({"/": answer(b"x")}, "127.0.0.2") as web:
        names = Names(host_example=[["127.0.0.9", "127.0.0.2"]])
        async with fetching("127.0.0.0/8", lookup=names) as fetcher:
            assert (await download(fetcher, web.url(host="host.example")))[1] == b"x"


async def test_an_allowed_name_may_lead_anywhere():
    """Its addresses are not allowed under other names, nor written out."""
    names = Names(nas_lan=[["127.0.0.1"]], other_lan=[["127.0.0.1"]])
    async with site({"/": answer(b"x")}) as web, fetching("NAS.lan", lookup=names) as fetcher:
        assert (await download(fetcher, web.url(host="nas.lan.")))[1] == b"x"
        for host in ("other.lan", "127.0.0.1"):
            with pytest.raises(AddressNotAllowed):
                await download(fetcher, web.url(host=host))

    assert len(web.asked) == 1


async def test_the_connection_goes_to_the_address_that_was_checked():
    """A name is asked for once a request; what it leads to a moment later plays no part, but is checked the next time."""
    names = Names(host_example=[["127.0.0.1"], ["127.0.0.2"]])
    async with site({"/": answer(b"x")}) as web, fetching("127.0.0.1", lookup=names) as fetcher:
        assert (await download(fetcher, web.url(host="host.example")))[1] == b"x"
        assert names.asked == ["host.example"]
        with pytest.raises(AddressNotAllowed):
            await download(fetcher, web.url(host="host.example"))

    assert len(web.asked) == 1
    assert web.asked[0].headers["host"] == f"host.example:{web.port}"


async def test_a_redirect_to_the_same_name_looks_it_up_again():
    """A name that turns private between two redirects is refused."""
    names = Names(host_example=[["127.0.0.1"], ["127.0.0.2"]])
    answers = {"/": answer(b"", "302 Found", "Location: /x"), "/x": answer(b"x")}
    async with site(answers) as web, fetching("127.0.0.1", lookup=names) as fetcher:
        with pytest.raises(AddressNotAllowed):
            await download(fetcher, web.url(host="host.example"))

    assert [asked.path for asked in web.asked] == ["/"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_the_client_itself_connects_to_nothing_else(host):
    """Even if a URL slipped through: sockets are held against the checked addresses, literal hosts included.

    Nothing listens at the one that counts as checked here.
    """
    async with site({"/": answer(b"x")}) as web:
        client = Client(agent="test", connect=5, idle=5)
        try:
            with pytest.raises(DownloadFailed):
                await client.get(web.url(host=host), [ip_address("127.0.0.9")])
        finally:
            await client.aclose()

    assert web.connections == 0


async def test_loopback_is_refused_through_the_systems_own_names():
    """`localhost` is a fine name that leads to the wrong place."""
    async with site({"/": answer(b"x")}) as web, fetching(allow="") as fetcher:
        with pytest.raises(AddressNotAllowed, match="not public"):
            await download(fetcher, web.url(host="localhost"))

    assert web.connections == 0


async def test_localhost_can_be_allowed():
    """By its name, with all its addresses."""
    async with site({"/": answer(b"x")}) as web, fetching(allow="localhost") as fetcher:
        assert (await download(fetcher, web.url(host="localhost")))[1] == b"x"


@pytest.mark.parametrize("given", [[], ["nonsense"], ["8.8.8.8", "x"]])
async def test_a_name_without_addresses_fails(given):
    """As does one whose answer makes no sense."""
    async with fetching(lookup=Names(host_example=[given])) as fetcher:
        with pytest.raises(DownloadFailed, match="host name could not be found"):
            await download(fetcher, "http://host.example/")


async def test_a_name_that_does_not_exist_fails():
    """The names below `invalid` never exist (RFC 6761)."""
    async with fetching() as fetcher:
        with pytest.raises(DownloadFailed, match="host name could not be found"):
            await download(fetcher, "http://calotype.invalid/")


async def test_a_lookup_that_hangs_is_given_up():
    """Looking a name up has the time of a connection; lookups have threads of their own, so nothing else waits for them."""

    async def hang(name):
        await asyncio.Event().wait()

    async with fetching(connect=0.05, lookup=hang) as fetcher:
        with pytest.raises(DownloadFailed, match="looked up in time"):
            await download(fetcher, "http://host.example/")


async def test_the_system_is_asked_for_all_addresses():
    """Numbers come back as they are; a scope is kept, so that it can be refused."""
    lookup = SystemLookup()
    try:
        assert set(await lookup("localhost")) <= {"127.0.0.1", "::1"}
        assert await lookup("127.0.0.1") == ["127.0.0.1"]
        assert (await lookup("fe80::1%1")) == ["fe80::1%1"]
        with pytest.raises(OSError):
            await lookup("calotype.invalid")
    finally:
        lookup.close()


def test_proxies_and_passwords_of_the_environment_are_not_used(tmp_path):
    """With a proxy and a netrc file set, the request goes straight to its server and carries no credential."""
    (tmp_path / ".netrc").write_text("default login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    program = """
import asyncio, os
from tests.crawling.sites import answer, download, fetching, site

async def main():
    async with site() as proxy, site({"/": answer(b"x")}) as web, fetching() as fetcher:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            os.environ[name] = proxy.url()
        assert (await download(fetcher, web.url()))[1] == b"x"
        assert proxy.connections == 0
        assert "authorization" not in web.asked[0].headers

asyncio.run(main())
"""
    done = run_program(program, HOME=str(tmp_path), NETRC=str(tmp_path / ".netrc"), no_proxy="")
    assert done.returncode == 0, done.stderr
