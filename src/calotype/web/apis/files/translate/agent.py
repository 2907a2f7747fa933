"""Between searches for programs and the Files API's models: pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from calotype.domain.agent_search import AgentAnswer, AgentQuery, FoundVideo
from calotype.domain.clock import clock
from calotype.domain.document_search import FoundChunk
from calotype.domain.image_search import FoundImage
from calotype.domain.picture import VariantName
from calotype.domain.video_search import FoundScene
from calotype.web.apis.files.translate.file import VariantLink
from calotype.web.apis.files.translate.video import KeyframeLink
from calotype.web.apis.files.translate.video_metadata import video_metadata_to_wire
from calotype.web.apis.files.wire import agent as wire


def image_query_from_wire(body: wire.ImageRequest) -> AgentQuery:
    """What a search of images asks for."""
    return AgentQuery(body.query, body.limit, body.folder_id, _tuple(body.image_ids))


def document_query_from_wire(body: wire.DocumentRequest) -> AgentQuery:
    """What a search of documents asks for."""
    return AgentQuery(body.query, body.limit, ids=_tuple(body.document_ids), formats=_tuple(body.document_types))


def video_query_from_wire(body: wire.VideoRequest) -> AgentQuery:
    """What a search of videos asks for."""
    return AgentQuery(body.query, body.limit, body.folder_id, _tuple(body.video_ids))


def _tuple(values: Iterable[Any] | None) -> tuple[Any, ...] | None:
    return None if values is None else tuple(values)


def images_to_wire(answer: AgentAnswer[FoundImage], milliseconds: int, link: VariantLink) -> wire.ImageAnswer:
    """The answer of a search of images."""
    results = [
        wire.ImageResult(
            image_id=str(found.asset.id),
            score=found.score,
            filename=found.asset.original_filename,
            title=found.asset.title,
            description=found.asset.description,
            folder_id=str(found.asset.folder_id) if found.asset.folder_id else None,
            thumbnail_url=link(found.asset, VariantName.SMALL_256),
            features=None,
        )
        for found in answer.found
    ]
    ids = [result.image_id for result in results]
    common = _common(answer, milliseconds, "Found {}", _Counted("image", "image", ids))
    return wire.ImageAnswer(results=results, result_ids=ids, **common)


def documents_to_wire(answer: AgentAnswer[FoundChunk], milliseconds: int) -> wire.DocumentAnswer:
    """The answer of a search of documents."""
    results = [
        wire.ChunkResult(
            chunk_id=str(found.chunk.id),
            document_id=str(found.asset.id),
            document_filename=found.asset.original_filename,
            text=found.chunk.chunk.content,
            score=found.score,
            page_numbers=None if found.chunk.chunk.page_numbers is None else list(found.chunk.chunk.page_numbers),
            chunk_index=found.chunk.chunk.index,
        )
        for found in answer.found
    ]
    chunks = [result.chunk_id for result in results]
    documents = list(dict.fromkeys(result.document_id for result in results))
    counted = (_Counted("chunk", "chunk", chunks), _Counted("document", "document", documents))
    common = _common(answer, milliseconds, "Found {} in {}", *counted)
    return wire.DocumentAnswer(
        results=results, chunk_ids=chunks, document_ids=documents, search_mode=answer.mode.value, **common
    )


def videos_to_wire(
    answer: AgentAnswer[FoundVideo], milliseconds: int, link: VariantLink, keyframe: KeyframeLink
) -> wire.VideoAnswer:
    """The answer of a search of videos."""
    results = [_video_to_wire(found, link, keyframe) for found in answer.found]
    ids = [result.video_id for result in results]
    common = _common(answer, milliseconds, "Found {}", _Counted("video", "video", ids))
    return wire.VideoAnswer(results=results, video_ids=ids, search_mode=answer.mode.value, **common)


def _video_to_wire(found: FoundVideo, link: VariantLink, keyframe: KeyframeLink) -> wire.VideoResult:
    asset, probe = found.video.asset, found.video.video.probe
    said = video_metadata_to_wire(probe, asset.size_bytes) if probe else None
    return wire.VideoResult(
        video_id=str(asset.id),
        video_filename=asset.original_filename,
        video_description=asset.description or "",
        duration_seconds=said.duration_seconds if said else None,
        resolution=said.resolution if said else None,
        thumbnail_url=link(asset, VariantName.SMALL_256),
        score=found.score,
        matched_scenes=[_scene_to_wire(scene, keyframe) for scene in found.scenes],
    )


def _scene_to_wire(found: FoundScene, keyframe: KeyframeLink) -> wire.MatchedScene:
    scene = found.scene
    return wire.MatchedScene(
        scene_id=scene.id,
        scene_index=scene.index,
        start_time=float(scene.start),
        end_time=float(scene.end),
        time_range_formatted=f"{clock(scene.start)}-{clock(scene.end)}",
        description=scene.description or "",
        tags=list(scene.tags),
        score=found.score,
        thumbnail_url=keyframe(scene.id) if scene.keyframe_key else None,
    )


@dataclass(frozen=True, slots=True)
class _Counted:
    """What one number of a summary counts: the kind of its ids, the word for one of them, and which they are."""

    id_type: Literal["image", "document", "chunk", "video", "link"]
    noun: str
    ids: Sequence[str]

    def after(self, number: str) -> str:
        return f"{number} {self.noun}{'' if len(self.ids) == 1 else 's'}"


def _common(answer: AgentAnswer[Any], milliseconds: int, sentence: str, *counted: _Counted) -> dict[str, Any]:
    """The keys of all answers; `sentence` has a place for each of what is counted."""
    refs = {f"search_{place}": found for place, found in enumerate(counted, 1)}
    return {
        "count": len(answer.found),
        "summary": sentence.format(*(found.after(str(len(found.ids))) for found in refs.values())),
        "summary_raw": sentence.format(*(found.after(f"[[ref:{key}]]") for key, found in refs.items())),
        "result_refs": {
            key: wire.ResultRef(
                count=len(found.ids),
                ids=list(found.ids),
                image_ids=list(found.ids) if found.id_type == "image" else [],
                id_type=found.id_type,
                label=f"{found.noun}s",
            )
            for key, found in refs.items()
        },
        "search_strategy": {"mode": answer.mode.value},
        "execution_time_ms": milliseconds,
    }
