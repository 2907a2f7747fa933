"""Ids in paths: any word but those that are routes of their own, which are never taken for ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from starlette.convertors import StringConvertor, register_url_convertor

from calotype.domain.errors import NotFound
from calotype.services.image import image_not_found
from calotype.services.video import video_not_found
from calotype.web.apis.vision.translate.ids import parse_id


class ImageIdConvertor(StringConvertor):
    """What may stand for an image's id, well-formed or not."""

    regex = "(?!(?:upload|get|list|delete|search)(?:/|$))[^/]+"


class VideoIdConvertor(StringConvertor):
    """What may stand for a video's id, well-formed or not."""

    regex = "(?!(?:upload|get|list|delete|search|reprocess|groups?)(?:/|$))[^/]+"


def _read(text: str, not_found: Callable[[], NotFound]) -> UUID:
    found = parse_id(text)
    if found is None:
        raise not_found()
    return found


async def _image_id(image_id: str) -> UUID:
    """The id in a path, in any letter case. Raises NotFound for what is none."""
    return _read(image_id, image_not_found)


async def _video_id(video_id: str) -> UUID:
    """The id in a path, in any letter case. Raises NotFound for what is none."""
    return _read(video_id, video_not_found)


ImageId = Annotated[UUID, Depends(_image_id)]
VideoId = Annotated[UUID, Depends(_video_id)]

# Paths name their convertors, so these must be known before any route is declared.
register_url_convertor("image_id", ImageIdConvertor())
register_url_convertor("video_id", VideoIdConvertor())
