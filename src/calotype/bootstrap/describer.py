"""Choosing what describes pictures: a vision model where one is configured, otherwise measurements."""

from __future__ import annotations

from collections.abc import Mapping

from calotype import __version__
from calotype.ai.interfaces import Describer
from calotype.ai.measured_describer import MeasuredDescriber
from calotype.ai.vision_describer import VisionDescriber
from calotype.ai.vision_endpoint import VisionEndpoint
from calotype.crawling.addresses import Allowed
from calotype.crawling.fetcher import Fetcher, Reply
from calotype.crawling.urls import endpoint_of
from calotype.domain.errors import AddressNotAllowed, InvalidInput
from calotype.settings import Settings

_MAX_ANSWER = 1024 * 1024  # bytes; an answer is a few thousand
_PATH = "/chat/completions"


def check_describing(settings: Settings) -> None:
    """Refuse settings of a vision model that cannot be meant. Raises InvalidInput with a `remedy`."""
    _address(settings)


def open_vision_fetcher(settings: Settings) -> Fetcher | None:
    """Connections to the host of the configured vision model, and to nothing else; None without one."""
    address = _address(settings)
    if address is None:
        return None
    seconds = settings.vision_timeout  # a model that thinks is silent
    return Fetcher(address[1], version=__version__, idle=seconds, total=seconds, keeps=True)


def build_describer(settings: Settings, fetcher: Fetcher | None) -> Describer:
    """What describes pictures in this installation; `fetcher` is that of `open_vision_fetcher`."""
    address = _address(settings)
    if address is None or fetcher is None or settings.vision_model is None:
        return MeasuredDescriber()
    url = address[0] + _PATH

    async def ask(body: bytes, headers: Mapping[str, str]) -> Reply:
        return await fetcher.ask(url, body, headers, seconds=settings.vision_timeout, limit=_MAX_ANSWER)

    key = settings.vision_api_key.get_secret_value() if settings.vision_api_key else None
    return VisionDescriber(VisionEndpoint(ask, key), settings.vision_model)


def _address(settings: Settings) -> tuple[str, Allowed] | None:
    """The base URL without slashes at its end, and the permission to reach its host."""
    if settings.vision_url is None:
        return None
    if settings.vision_model is None:
        message = "a vision model is configured by its address only"
        raise InvalidInput(message, field="vision_model", remedy="set CALOTYPE_VISION_MODEL to the name of the model")
    key = settings.vision_api_key.get_secret_value() if settings.vision_api_key else ""
    if not key.isascii() or not key.isprintable() or " " in key:
        message = "the key of the vision model cannot be sent"
        raise InvalidInput(message, field="vision_api_key", remedy="check CALOTYPE_VISION_API_KEY")
    try:
        return endpoint_of(settings.vision_url)
    except AddressNotAllowed as error:
        message = f"the address of the vision model cannot be used: {error.message}"
        raise InvalidInput(message, field="vision_url", remedy="check CALOTYPE_VISION_URL") from error
