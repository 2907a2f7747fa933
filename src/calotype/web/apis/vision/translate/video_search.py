"""Questions about videos, and scenes that fit them, between the wire and the domain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from calotype.domain.errors import InvalidInput
from calotype.domain.video_search import FoundScene, SceneFilter, SceneQuery
from calotype.web.apis.vision.translate.ids import ids_from_wire
from calotype.web.apis.vision.translate.links import VideoLinks
from calotype.web.apis.vision.translate.video import DEFAULT
from calotype.web.apis.vision.wire import video as wire


def query_from_wire(request: wire.SearchRequest) -> SceneQuery:
    """What is looked for. Raises InvalidInput for an empty query and for times that run backwards."""
    if not request.query.strip():
        raise InvalidInput("query must not be empty", field="query")
    _check_order(request.datetime_from, request.datetime_to, "datetime")
    _check_order(request.timestamp_from, request.timestamp_to, "timestamp")
    groups = request.group_ids
    wanted = SceneFilter(
        video_ids=ids_from_wire(request.video_ids) if request.video_ids else None,
        group_ids=ids_from_wire(groups) if groups else None,
        in_no_group=_names_default(groups),
        from_time=request.datetime_from,
        to_time=request.datetime_to,
        from_seconds=request.timestamp_from,
        to_seconds=request.timestamp_to,
    )
    return SceneQuery(request.query, request.max_results, request.threshold, wanted)


def _check_order(start: Any, end: Any, name: str) -> None:
    if start is not None and end is not None and start > end:
        raise InvalidInput(f"{name}_from must not be after {name}_to", field=f"{name}_from")


def _names_default(groups: Sequence[str]) -> bool:
    return any(text.lower() == DEFAULT for text in groups)


def found_to_wire(found: Iterable[FoundScene], user_id: UUID, links: VideoLinks) -> wire.FoundChunks:
    """The results of a search by the account `user_id`."""
    results = [_found(one, user_id, links) for one in found]
    return {"results": results, "report": None, "total_results": len(results)}


def _found(one: FoundScene, user_id: UUID, links: VideoLinks) -> wire.FoundChunk:
    scene, asset, video = one.scene, one.video.asset, one.video.video
    return {
        "video_chunk_id": scene.id,
        "video_id": scene.asset_id,
        "user_id": user_id,
        "score": float(one.score),
        "start_timestamp": float(scene.start),
        "end_timestamp": float(scene.end),
        "plain_text_caption": scene.description,
        "plain_text_transcript": scene.transcript,
        "explanation": None,
        "s3_presigned_url": links.original(scene.asset_id),
        "video_title": asset.title or video.name,
        "video_thumbnails": links.storyboard(scene.asset_id) if video.storyboard else None,
    }
