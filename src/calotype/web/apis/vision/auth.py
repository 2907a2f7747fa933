"""The Vision API towards the common machinery: its paths, where it carries its credential, and how it words refusals."""

from __future__ import annotations

from starlette.datastructures import Headers, QueryParams

from calotype.bootstrap import Application
from calotype.domain.budget import Budget, BudgetState
from calotype.domain.errors import Unauthenticated
from calotype.domain.principal import Principal
from calotype.settings import Settings
from calotype.web.apis.vision import errors
from calotype.web.shared.credential import API_KEY, BEARER, api_key_in
from calotype.web.shared.rate_limit import RateState
from calotype.web.shared.request_id import PLAIN
from calotype.web.shared.wire_format import Refusals

ROOTS = ("/images", "/videos", "/video-groups", "/search", "/qa", "/clips", "/creator")
"""What paths of version 1 begin with; each exists below `/v1` as well."""

_BUDGETS = {
    ("POST", "/images/upload"): Budget.IMAGE_UPLOADS,
    ("POST", "/images/search"): Budget.IMAGE_SEARCHES,
    ("POST", "/videos/upload"): Budget.VIDEO_UPLOADS,
    ("POST", "/search"): Budget.VIDEO_SEARCHES,
    ("POST", "/videos/search"): Budget.VIDEO_SEARCHES,
    ("POST", "/videos/search/hybrid"): Budget.VIDEO_SEARCHES,
}
_UNLIMITED = 1_000_000  # what the headers say where nothing is counted

_STREAMED = frozenset({"/images/upload", "/videos/upload"})


class VisionFormat:
    """The Vision API towards the common machinery."""

    refusals: Refusals = errors
    prefix = ""
    prefixes: tuple[str, ...] = (*ROOTS, "/v1", "/v2")
    open_prefixes: tuple[str, ...] = ("/media", "/health", "/v1/health")
    usable_ids = PLAIN

    def __init__(self, settings: Settings) -> None:
        self.max_body_bytes = settings.vision_max_body_bytes

    def canonical(self, path: str) -> str:
        """The path without a slash at its end."""
        return path.rstrip("/") or "/"

    def is_streamed(self, path: str) -> bool:
        """Whether it is one of the paths of uploads."""
        return path.removeprefix("/v1") in _STREAMED

    async def authenticate(
        self, path: str, query: QueryParams, headers: Headers, application: Application
    ) -> Principal:
        """Who `X-Api-Key` belongs to, or the bearer token where that header is missing. Raises Unauthenticated."""
        key = api_key_in(headers)
        if not key:
            raise Unauthenticated("Send your API key as: X-Api-Key: <key>", is_missing=True)
        return await application.api_keys.authenticate(key)

    def credentials(self, path: str) -> tuple[str, ...]:
        """An API key, in either header."""
        return API_KEY, BEARER

    async def spend(self, method: str, path: str, principal: Principal, application: Application) -> BudgetState | None:
        """Count a call of a route that has a budget, whichever way its path is spelled."""
        budget = _BUDGETS.get((method, path.removeprefix("/v1")))
        return await application.budgets.spend(principal.key_id, budget) if budget else None

    def rate_headers(self, rate: RateState, budget: BudgetState | None) -> dict[str, str]:
        """The budget of the route, or figures that mean "no limit"; after a refusal, the limit that refused."""
        if budget is not None:
            limit, remaining, reset = budget.limit, budget.remaining, budget.reset
        elif not rate.allowed:
            limit, remaining, reset = rate.limit, 0, rate.retry_after
        else:
            limit, remaining, reset = _UNLIMITED, _UNLIMITED, 0
        is_refused = not rate.allowed or (budget is not None and not budget.is_allowed)
        return {
            "x-ratelimit-requests-limit": str(limit),
            "x-ratelimit-requests-remaining": str(remaining),
            "x-ratelimit-requests-reset": str(reset),
            "retry-after": str(reset) if is_refused else "0",
        }
