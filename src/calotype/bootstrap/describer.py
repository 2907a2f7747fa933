"""Choosing what describes pictures: a vision model where one is configured, otherwise measurements."""

from __future__ import annotations

from calotype.ai.interfaces import Describer
from calotype.ai.measured_describer import MeasuredDescriber
from calotype.ai.vision_describer import VisionDescriber
from calotype.ai.vision_endpoint import VisionEndpoint
from calotype.bootstrap.endpoint import Endpoint, read_endpoint
from calotype.crawling.fetcher import Fetcher
from calotype.settings import Settings

_PATH = "/chat/completions"


def check_describing(settings: Settings) -> None:
    """Refuse settings of a vision model that cannot be meant. Raises InvalidInput with a `remedy`."""
    _endpoint(settings)


def open_vision_fetcher(settings: Settings) -> Fetcher | None:
    """Connections to the host of the configured vision model, and to nothing else; None without one."""
    endpoint = _endpoint(settings)
    return endpoint.open_fetcher() if endpoint else None


def build_describer(settings: Settings, fetcher: Fetcher | None) -> Describer:
    """What describes pictures in this installation; `fetcher` is that of `open_vision_fetcher`."""
    endpoint = _endpoint(settings)
    if endpoint is None or fetcher is None:
        return MeasuredDescriber()
    return VisionDescriber(VisionEndpoint(endpoint.asking(fetcher, _PATH), endpoint.key), endpoint.model)


def _endpoint(settings: Settings) -> Endpoint | None:
    return read_endpoint(
        "vision", settings.vision_url, settings.vision_model, settings.vision_api_key, settings.vision_timeout
    )
