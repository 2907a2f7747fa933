"""Where the Files API carries its credential: `Authorization: Bearer <key>`."""

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
from calotype.web.apis.files import errors
from calotype.web.shared.body_limit import MAX_BODY_BYTES
from calotype.web.shared.credential import bearer_token
from calotype.web.shared.rate_limit import RateState, window_headers
from calotype.web.shared.request_id import PRINTABLE

_STREAMED = frozenset({"/api/v2/user-files/upload/stream", "/api/v2/user-files/upload/stream-batch"})

# Browsers show pictures without sending a token.
_KEYFRAME = re.compile(r"/api/v2/video-scenes/(?P<id>[^/]+)/thumbnail")


class FilesFormat:
    """The Files API towards the common machinery."""

    prefix = "/api/v2"
    prefixes: tuple[str, ...] = (prefix,)
    open_prefixes: tuple[str, ...] = ("/_o",)
    max_body_bytes = MAX_BODY_BYTES
    usable_ids = PRINTABLE

    def canonical(self, path: str) -> str:
        """The path as it is: here it is written in one way only."""
        return path

    def is_streamed(self, path: str) -> bool:
        """Whether it is one of the paths of uploads."""
        return path in _STREAMED

    async def authenticate(
        self, path: str, query: QueryParams, headers: Headers, application: Application
    ) -> Principal:
        """Who the bearer token belongs to, or who signed the link to a scene's picture. Raises Unauthenticated and NotFound."""
        token = bearer_token(headers)
        if token is None and (scene := _KEYFRAME.fullmatch(path)) and "sig" in query:
            tenant_id, expires, signature = (query.get(name, "") for name in ("t", "exp", "sig"))
            return application.delivery.verify_keyframe(tenant_id, scene["id"], expires, signature)
        if token is None:
            raise Unauthenticated("Send your API key as: Authorization: Bearer <key>")
        return await application.api_keys.authenticate(token)

    async def spend(self, method: str, path: str, principal: Principal, application: Application) -> None:
        """Nothing: there are no budgets here."""

    def rate_headers(self, rate: RateState, budget: BudgetState | None) -> dict[str, str]:
        """The limit of the key's window, what is left of it, and when it ends (Unix seconds)."""
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
