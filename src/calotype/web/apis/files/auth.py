"""Where the Files API carries its credential: `Authorization: Bearer <key>`."""

from __future__ import annotations

import re

from starlette.datastructures import Headers, QueryParams

from calotype.bootstrap import Application
from calotype.domain.budget import BudgetState
from calotype.domain.errors import Unauthenticated
from calotype.domain.principal import Principal
from calotype.web.apis.files import errors
from calotype.web.shared.body_limit import MAX_BODY_BYTES
from calotype.web.shared.credential import BEARER, SIGNED_LINK, bearer_token
from calotype.web.shared.rate_limit import RateState, window_headers
from calotype.web.shared.request_id import PRINTABLE
from calotype.web.shared.wire_format import Refusals

_STREAMED = frozenset({"/api/v2/user-files/upload/stream", "/api/v2/user-files/upload/stream-batch"})

# Browsers show pictures without sending a token.
_KEYFRAME = re.compile(r"/api/v2/video-scenes/(?P<id>[^/]+)/thumbnail")


class FilesFormat:
    """The Files API towards the common machinery."""

    refusals: Refusals = errors
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

    def credentials(self, path: str) -> tuple[str, ...]:
        """A bearer token; for the picture of a scene also the signature of a link to it."""
        return (BEARER, SIGNED_LINK) if _KEYFRAME.fullmatch(path) else (BEARER,)

    async def spend(self, method: str, path: str, principal: Principal, application: Application) -> None:
        """Nothing: there are no budgets here."""

    def rate_headers(self, rate: RateState, budget: BudgetState | None) -> dict[str, str]:
        """The limit of the key's window, what is left of it, and when it ends (Unix seconds)."""
        return window_headers(rate)
