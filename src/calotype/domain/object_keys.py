"""Where objects lie in the store: the key of each kind of object, beside the forms by which the sweep knows them again."""

from __future__ import annotations

import re
import secrets
from uuid import UUID

from calotype.domain.values import safe_filename

_UPLOADS = "uploads"
_VARIANTS = "variants"
_CHUNKS = "chunks"
_RAW_DATA = "raw-data"

FOLDERS = (_UPLOADS, _VARIANTS, _CHUNKS, _RAW_DATA)
"""All that belongs to files lies in one of these, each the first part of its keys."""

OWNER_KEY = "calotype/owner"
"""That of the mark by which a store tells to which installation it belongs."""

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_OURS = re.compile(rf"(?:{_UPLOADS}|{_VARIANTS}|{_CHUNKS})/{_UUID}/({_UUID})/[^/]+")
_OF_DEVICE = re.compile(rf"{_RAW_DATA}/([0-9a-f]{{8}})_[^/]+")
_ATTEMPT = re.compile(rf"{_UPLOADS}/{_UUID}/{_UUID}/[0-9a-f]{{12}}_")
_MADE = re.compile(rf"{_VARIANTS}/{_UUID}/{_UUID}/(?:scene|storyboard|rendition)_")


def original_key(tenant_id: UUID, asset_id: UUID, filename: str) -> str:
    """That of an original; only ids and an ASCII form of its name stand in it."""
    return f"{_UPLOADS}/{tenant_id}/{asset_id}/{safe_filename(filename)}"


def attempt_key(original: str) -> str:
    """A new key for one attempt to store an original: of two at once, one must not write over, or remove, the other's bytes."""
    folder, _, name = original.rpartition("/")
    return f"{folder}/{secrets.token_hex(6)}_{name}"


def plain_key(key: str, filename: str) -> str:
    """The key clients are told of a file of that name: that of its original, whichever attempt has brought it."""
    folder, _, name = key.rpartition("/")
    plain = safe_filename(filename)
    return f"{folder}/{plain}" if is_attempt(key) and name[13:] == plain else key


def device_image_key(image_id: UUID, filename: str) -> str:
    """That of a device's image; the first digits of such ids are given once only (see `image_id_of`)."""
    return f"{_RAW_DATA}/{image_id.hex[:8]}_{safe_filename(filename)}"


def chunk_key(tenant_id: UUID, media_id: UUID, number: int) -> str:
    """A new key for one attempt to store a chunk."""
    return f"{_CHUNKS}/{tenant_id}/{media_id}/{number}_{secrets.token_hex(8)}"


def made_folder(tenant_id: UUID, asset_id: UUID) -> str:
    """Where all that is made of an asset lies."""
    return f"{_VARIANTS}/{tenant_id}/{asset_id}"


def variant_key(tenant_id: UUID, asset_id: UUID, name: str, ending: str) -> str:
    """That of a variant."""
    return f"{made_folder(tenant_id, asset_id)}/{name}.{ending}"


def keyframe_key(tenant_id: UUID, asset_id: UUID, token: str, place: int) -> str:
    """That of the picture of a scene; each attempt to read the video has a token of its own."""
    return f"{made_folder(tenant_id, asset_id)}/scene_{token}_{place}.jpg"


def storyboard_key(tenant_id: UUID, asset_id: UUID, token: str) -> str:
    """That of a storyboard; each attempt to read the video has a token of its own."""
    return f"{made_folder(tenant_id, asset_id)}/storyboard_{token}.jpg"


def rendition_key(tenant_id: UUID, asset_id: UUID) -> str:
    """A new key for one attempt at a form of a video that browsers play."""
    return f"{made_folder(tenant_id, asset_id)}/rendition_{secrets.token_hex(6)}.mp4"


def owner_in(key: str) -> str | None:
    """The id of the asset, or the upload, an object belongs to; None of a device's image, and of what is not of our form."""
    found = _OURS.fullmatch(key)
    return found[1] if found else None


def digits_in(key: str) -> str | None:
    """The first digits of the id of a device's image; None of all else."""
    found = _OF_DEVICE.fullmatch(key)
    return found[1] if found else None


def is_attempt(key: str) -> bool:
    """Whether an original may be one of several attempts, so that its id alone does not say whether it is kept."""
    return _ATTEMPT.match(key) is not None


def is_made_of_video(key: str) -> bool:
    """Whether an object is made of a video and replaced while that lives."""
    return _MADE.match(key) is not None


def is_chunk(key: str) -> bool:
    """Whether an object is a chunk."""
    return key.startswith(f"{_CHUNKS}/")
