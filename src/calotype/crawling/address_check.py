"""Where connections may be made to: the one check that everything passes which opens a connection for a client."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

from calotype.crawling.addresses import Address, Allowed, why_not_public
from calotype.crawling.lookup import Lookup, SystemLookup, parsed
from calotype.crawling.urls import Target, redirected, target_of
from calotype.domain.errors import AddressNotAllowed, DownloadFailed


class AddressCheck:
    """Takes URLs apart, looks their hosts up, and refuses what leads to an address that is neither public nor allowed.

    `seconds` limits one lookup. What connects must use the addresses given here, and never look the name up again.
    """

    def __init__(self, allowed: Allowed | None = None, *, seconds: float = 10, lookup: Lookup | None = None) -> None:
        self._allowed = allowed or Allowed()
        self._seconds = seconds
        self._system = None if lookup else SystemLookup()
        self._lookup: Lookup = lookup or self._system_lookup
        self._is_closed = False

    def target(self, url: str) -> Target:
        """The parts of a URL, refused for what its text alone shows. Raises AddressNotAllowed."""
        return target_of(url, self._allowed)

    def redirected(self, base: Target, location: str) -> Target:
        """Where a redirect leads, checked like any URL. Raises AddressNotAllowed."""
        return redirected(base, location, self._allowed)

    async def addresses(self, target: Target) -> Sequence[Address]:
        """Where to connect to; all of a name's addresses must be allowed, or none is used.

        Raises AddressNotAllowed, and DownloadFailed when the name has none.
        """
        if target.host.address is not None:
            return (target.host.address,)  # checked with the text of its URL
        name = target.host.name
        self.check_open()
        try:
            async with asyncio.timeout(self._seconds):
                addresses = parsed(await self._lookup(name))
        except TimeoutError as error:
            raise DownloadFailed("the host name could not be looked up in time", is_passing=True) from error
        except OSError as error:
            raise DownloadFailed("the host name could not be found", is_passing=_is_passing(error)) from error
        if not all(self._allowed.permits(name, address) or why_not_public(address) is None for address in addresses):
            raise AddressNotAllowed("the host leads to an address that is not public")
        return addresses

    def check_open(self) -> None:
        """Refuse once closed. Raises DownloadFailed."""
        if self._is_closed:
            raise DownloadFailed("the download was given up", is_passing=True)

    def close(self) -> None:
        """Look nothing up any more."""
        self._is_closed = True
        if self._system:
            self._system.close()

    async def _system_lookup(self, name: str) -> Sequence[str]:
        assert self._system
        return await self._system(name)


def _is_passing(error: OSError) -> bool:
    """Whether no name server could be asked; a name that is not there will not be there in a minute either."""
    return isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
