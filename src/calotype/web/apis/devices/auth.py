"""The Devices API towards the common machinery: its paths, its two kinds of key, and how it words refusals."""

from __future__ import annotations

from starlette.datastructures import Headers, QueryParams

from calotype.bootstrap import Application
from calotype.domain.budget import BudgetState
from calotype.domain.errors import Unauthenticated
from calotype.domain.principal import Principal
from calotype.web.apis.devices import errors
from calotype.web.shared.body_limit import MAX_BODY_BYTES
from calotype.web.shared.credential import API_KEY, BEARER, DEVICE_KEY, api_key_in
from calotype.web.shared.rate_limit import RateState, window_headers
from calotype.web.shared.request_id import PRINTABLE
from calotype.web.shared.wire_format import Refusals

UPLOAD = "/api/device/images/upload"
DEVICE_ROUTES = "/api/device/"
"""What the paths of devices begin with; all others are the operator's."""


class DevicesFormat:
    """The Devices API towards the common machinery."""

    refusals: Refusals = errors
    prefix = "/api"
    prefixes: tuple[str, ...] = ("/api/device", "/api/devices", "/api/batches", "/api/webhooks")
    open_prefixes: tuple[str, ...] = ()
    max_body_bytes = MAX_BODY_BYTES
    usable_ids = PRINTABLE

    def canonical(self, path: str) -> str:
        """The path without a slash at its end."""
        return path.rstrip("/") or "/"

    def is_streamed(self, path: str) -> bool:
        """Whether it is one of the paths of uploads."""
        return path == UPLOAD

    async def authenticate(
        self, path: str, query: QueryParams, headers: Headers, application: Application
    ) -> Principal:
        """Who the key belongs to: a device's on the routes of devices, an API key everywhere else. Raises Unauthenticated."""
        if path.startswith(DEVICE_ROUTES):
            key = headers.get("x-device-key", "").strip()
            if not key:
                raise Unauthenticated("Send the device's key as: X-Device-Key: adk_<key>", scheme="DeviceKey")
            return await application.devices.authenticate(key)
        key = api_key_in(headers) or ""
        if not key:
            raise Unauthenticated("Send your API key as: Authorization: Bearer <key>")
        return await application.api_keys.authenticate(key)

    def credentials(self, path: str) -> tuple[str, ...]:
        """The device's key on the routes of devices, everywhere else an API key, in either header."""
        return (DEVICE_KEY,) if path.startswith(DEVICE_ROUTES) else (BEARER, API_KEY)

    async def spend(self, method: str, path: str, principal: Principal, application: Application) -> None:
        """Nothing: there are no budgets here."""

    def rate_headers(self, rate: RateState, budget: BudgetState | None) -> dict[str, str]:
        """Where the key stands in its window."""
        return window_headers(rate)
