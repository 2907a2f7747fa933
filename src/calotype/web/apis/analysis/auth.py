"""The Analysis API towards the common machinery: its paths, where it carries its credential, and how it words refusals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response

from calotype.bootstrap import Application
from calotype.domain.budget import BudgetState
from calotype.domain.errors import CalotypeError, Unauthenticated
from calotype.domain.principal import Principal
from calotype.web.apis.analysis import errors
from calotype.web.shared.body_limit import MAX_BODY_BYTES
from calotype.web.shared.credential import api_key_in
from calotype.web.shared.rate_limit import RateState, window_headers
from calotype.web.shared.request_id import PRINTABLE

_SHORT = "/v1"
_UPLOAD = re.compile(r"/image-forge-api/v1/sessions(?:/[^/]+/images)?")


class AnalysisFormat:
    """The Analysis API towards the common machinery.

    Below `/v1`, the short form of its prefix, only the paths that it has are its own.
    """

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

    async def spend(self, method: str, path: str, principal: Principal, application: Application) -> None:
        """Nothing: what analyses cost is counted in credits."""

    def rate_headers(self, rate: RateState, budget: BudgetState | None) -> dict[str, str]:
        """Where the key stands in its window."""
        return window_headers(rate)

    def error(self, error: CalotypeError, request_id: str) -> Response:
        """The answer to a domain error."""
        return errors.to_wire(error, request_id)

    def invalid(self, errors_: Sequence[Any], request_id: str) -> Response:
        """The answer to a request that does not fit its model."""
        return errors.invalid(errors_, request_id)

    def http_error(self, status: int, message: str, headers: dict[str, str], request_id: str) -> Response:
        """The answer to what the framework refuses."""
        return errors.http_error(status, message, headers, request_id)

    def fault(self, request_id: str) -> Response:
        """The answer to an unexpected fault."""
        return errors.fault(request_id)
