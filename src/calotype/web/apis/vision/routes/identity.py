"""Ids in paths: any word but those that are routes of their own, which are never taken for ids."""

from __future__ import annotations

from starlette.convertors import StringConvertor, register_url_convertor


class ImageIdConvertor(StringConvertor):
    """What may stand for an image's id, well-formed or not."""

    regex = "(?!(?:upload|get|list|delete|search)(?:/|$))[^/]+"


class VideoIdConvertor(StringConvertor):
    """What may stand for a video's id, well-formed or not."""

    regex = "(?!(?:upload|get|list|delete|search|reprocess|groups?)(?:/|$))[^/]+"


# Paths name their convertors, so these must be known before any route is declared.
register_url_convertor("image_id", ImageIdConvertor())
register_url_convertor("video_id", VideoIdConvertor())
