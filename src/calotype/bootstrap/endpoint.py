"""The API of a model, as the operator's settings name it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from calotype import __version__
from calotype.ai.endpoint import Ask
from calotype.crawling.addresses import Allowed
from calotype.crawling.fetcher import Fetcher, Reply
from calotype.crawling.urls import endpoint_of
from calotype.domain.errors import AddressNotAllowed, InvalidInput

_MAX_ANSWER = 1024 * 1024  # bytes; an answer is a few thousand


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One API: its base URL without slashes at its end, the permission to reach its host, its model, key and time to answer."""

    url: str
    allowed: Allowed
    model: str
    key: str | None
    seconds: float

    def open_fetcher(self) -> Fetcher:
        """Connections to the host of this API, and to nothing else; a model that thinks is silent."""
        return Fetcher(self.allowed, version=__version__, idle=self.seconds, total=self.seconds, keeps=True)

    def asking(self, fetcher: Fetcher, path: str) -> Ask:
        """Brings bodies to a path of this API."""
        url = self.url + path

        async def ask(body: bytes, headers: Mapping[str, str]) -> Reply:
            return await fetcher.ask(url, body, headers, seconds=self.seconds, limit=_MAX_ANSWER)

        return ask


def read_endpoint(
    prefix: str, url: str | None, model: str | None, key: SecretStr | None, seconds: float
) -> Endpoint | None:
    """The API that settings beginning with `prefix` ("vision") name, None without an address.

    Raises InvalidInput with a `remedy` for what cannot be meant.
    """
    if url is None:
        return None
    if not model:
        raise _refusal(
            prefix, "model", f"a {prefix} model is configured by its address only", "to the name of the model"
        )
    if not model.isprintable():
        raise _refusal(prefix, "model", f"the name of the {prefix} model cannot be sent")
    secret = key.get_secret_value() if key else ""
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise _refusal(prefix, "api_key", f"the key of the {prefix} model cannot be sent")
    try:
        base, allowed = endpoint_of(url)
    except AddressNotAllowed as error:
        message = f"the address of the {prefix} model cannot be used: {error.message}"
        raise _refusal(prefix, "url", message) from error
    return Endpoint(base, allowed, model, secret or None, seconds)


def _refusal(prefix: str, name: str, message: str, to: str | None = None) -> InvalidInput:
    field = f"{prefix}_{name}"
    variable = f"CALOTYPE_{field.upper()}"
    return InvalidInput(message, field=field, remedy=f"set {variable} {to}" if to else f"check {variable}")
