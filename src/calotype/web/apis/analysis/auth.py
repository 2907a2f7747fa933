"""The Analysis API towards the common machinery: its paths, where it carries its credential, and how it words refusals."""

from __future__ import annotations

import re

from starlette.datastructures import Headers, QueryParams

from calotype.bootstrap import Application
from calotype.domain.budget import BudgetState
from calotype.domain.errors import Unauthenticated
from calotype.domain.principal import Principal
from calotype.web.apis.analysis import errors
from calotype.web.shared.body_limit import MAX_BODY_BYTES
from calotype.web.shared.credential import API_KEY, BEARER, api_key_in
from calotype.web.shared.rate_limit import RateState, window_headers
from calotype.web.shared.request_id import PRINTABLE
from calotype.web.shared.wire_format import Refusals

_SHORT = "/v1"
_UPLOAD = re.compile(r"/image-forge-api/v1/sessions(?:/[^/]+/images)?")


class AnalysisFormat:
    """The Analysis API towards the common machinery.

    Below `/v1`, the short form of its prefix, only the paths that it has are its own.
    """

    refusals: Refusals = errors
    prefix = "/image-forge-api/v1"
    prefixes: tuple[str, ...] = ("/image-forge-api", f"{_SHORT}/sessions", f"{_SHORT}/credits")
    open_prefixes: tuple[str, ...] = ()
    max_body_bytes = MAX_BODY_BYTES
    usable_ids = PRINTABLE

    def canonical(self, path: str) -> str:
        """The path under the long prefix, without a slash at its end."""
        path = path.rstrip("/") or "/"
        return self.prefix + path.removeprefix(_SHORT) if path.startswith(_SHORT + "/") else path

    def is_streamed(self, path: str) -> bool:
        """Whether it is one of the two paths of uploads."""
        return _UPLOAD.fullmatch(path) is not None

    async def authenticate(
        self, path: str, query: QueryParams, headers: Headers, application: Application
    ) -> Principal:
        """Who `X-API-Key` belongs to, or the bearer token where that header is missing. Raises Unauthenticated."""
        key = api_key_in(headers)
        if not key:
            raise Unauthenticated("Send your API key as: X-API-Key: <key>")
        return await application.api_keys.authenticate(key)

    def credentials(self, path: str) -> tuple[str, ...]:
        """An API key, in either header."""
        return API_KEY, BEARER

    async def spend(self, method: str, path: str, principal: Principal, application: Application) -> None:
        """Nothing: what analyses cost is counted in credits."""

    def rate_headers(self, rate: RateState, budget: BudgetState | None) -> dict[str, str]:
        """Where the key stands in its window."""
        return window_headers(rate)
