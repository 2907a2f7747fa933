"""Ids of what devices made, as the Devices API, events, exports and commands write them: a prefix that tells what of, and a UUID.

In every other API an image is known by its UUID alone.
"""

from __future__ import annotations

from uuid import UUID

from calotype.domain.errors import InvalidInput

IMAGE, BATCH, DEVICE, WEBHOOK, DELIVERY = "img_", "batch_", "dev_", "wh_", "dlv_"


def image_id(value: UUID) -> str:
    """The id of an image; its UUID is the asset's in every other API."""
    return f"{IMAGE}{value}"


def batch_id(value: UUID) -> str:
    """The id of a batch."""
    return f"{BATCH}{value}"


def device_id(value: UUID) -> str:
    """The id of a device."""
    return f"{DEVICE}{value}"


def webhook_id(value: UUID) -> str:
    """The id of a webhook."""
    return f"{WEBHOOK}{value}"


def delivery_id(value: UUID) -> str:
    """The id of a delivery."""
    return f"{DELIVERY}{value}"


def without_prefix(text: str, prefix: str) -> str:
    """What follows the prefix in an id, space around it left out. Raises InvalidInput where there is another, or none."""
    if not text.strip().startswith(prefix):
        raise InvalidInput(f"Input should be an id such as {prefix}…")
    return text.strip().removeprefix(prefix)
