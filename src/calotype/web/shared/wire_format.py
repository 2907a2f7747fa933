"""What the common machinery needs to know of a wire format."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response

from calotype.bootstrap import Application
from calotype.domain.budget import BudgetState
from calotype.domain.errors import CalotypeError
from calotype.domain.principal import Principal
from calotype.web.shared.rate_limit import RateState


class Refusals(Protocol):
    """How a wire format words what is refused: its module `errors`."""

    def to_wire(self, error: CalotypeError, request_id: str) -> Response:
        """The answer to a domain error."""

    def invalid(self, errors: Sequence[Any], request_id: str) -> Response:
        """The answer to a request that does not fit its model; `errors` as pydantic lists them."""

    def http_error(self, status: int, message: str, headers: Mapping[str, str], request_id: str) -> Response:
        """The answer to what the framework itself refuses: unknown route, wrong method."""

    def fault(self, request_id: str) -> Response:
        """The answer to an unexpected fault; it must tell nothing about the inside."""


class WireFormat(Protocol):
    """One hosted product's way of speaking HTTP.

    `refusals` words what is refused. `prefix` is what all its routes are declared under; `prefixes` are the paths for which it
    asks for a key, and `open_prefixes` those, also among them, where it does not, but whose refusals it words. Bodies that are
    not streamed are limited to `max_body_bytes` as a whole. `usable_ids` are the request ids of clients that are taken over.
    """

    refusals: Refusals
    prefix: str
    prefixes: tuple[str, ...]
    open_prefixes: tuple[str, ...]
    max_body_bytes: int
    usable_ids: re.Pattern[str]

    def canonical(self, path: str) -> str:
        """The path as its route is declared, where clients may write it in several ways."""

    def is_streamed(self, path: str) -> bool:
        """Whether the body of a request to a path (in its canonical form) is parsed as it arrives."""

    async def authenticate(
        self, path: str, query: QueryParams, headers: Headers, application: Application
    ) -> Principal:
        """Find the credential where this format hides it on a path. Raises Unauthenticated."""

    def credentials(self, path: str) -> tuple[str, ...]:
        """What a path (in its canonical form) may be opened with, by the names of `credential`; one of them is enough."""

    async def spend(self, method: str, path: str, principal: Principal, application: Application) -> BudgetState | None:
        """Count a call against a budget of its key; None where it has none."""

    def rate_headers(self, rate: RateState, budget: BudgetState | None) -> dict[str, str]:
        """What an answer says of the limits on requests."""


def speaking(path: str, formats: Sequence[WireFormat]) -> tuple[WireFormat | None, bool]:
    """The wire format that words the refusals of a path, None where it is none's, and whether it asks for a key there."""
    for wire in formats:
        if _is_below(path, wire.open_prefixes):
            return wire, False
        if _is_below(path, wire.prefixes):
            return wire, True
    return None, False


def asking(path: str, formats: Sequence[WireFormat]) -> WireFormat | None:
    """The wire format that asks for a key on a path, if one does."""
    wire, asks = speaking(path, formats)
    return wire if asks else None


def _is_below(path: str, prefixes: tuple[str, ...]) -> bool:
    return any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes)
