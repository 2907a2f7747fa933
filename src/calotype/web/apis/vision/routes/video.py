"""Videos of the Vision API."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from calotype.domain.errors import InvalidInput
from calotype.services.video import video_not_found
from calotype.services.video_upload import VideoRequest
from calotype.web.apis.vision.answers import echo_answer, json_answer
from calotype.web.apis.vision.body import body_of, query_of, read_upload, validated
from calotype.web.apis.vision.openapi import BODY_ERRORS, ERRORS, UPLOAD_ERRORS, body, query
from calotype.web.apis.vision.routes.identity import VideoId
from calotype.web.apis.vision.routes.media import video_links
from calotype.web.apis.vision.translate.ids import deletion_of, deletion_to_wire, ids_from_wire, parse_id
from calotype.web.apis.vision.translate.links import VideoLinks
from calotype.web.apis.vision.translate.video import (
    done,
    uploaded_to_wire,
    video_from_wire,
    video_to_wire,
    videos_to_wire,
)
from calotype.web.apis.vision.wire import video as wire
from calotype.web.apis.vision.wire.deletion import Deleted
from calotype.web.apis.vision.wire.values import is_absent
from calotype.web.shared.body_limit import check_announced
from calotype.web.shared.context import Caller, Services

_FILE = "file"
router = APIRouter(prefix="/videos", tags=["Vision API: videos"], responses=ERRORS)


Links = Annotated[VideoLinks, Depends(video_links)]
OptionalIdsBody = Annotated[wire.OptionalIds, Depends(body_of(wire.OptionalIds))]
NamedIdsBody = Annotated[wire.NamedIds, Depends(body_of(wire.NamedIds))]
IdsOfQuery = Annotated[wire.IdsQuery, Depends(query_of(wire.IdsQuery))]


@router.post(
    "/upload", response_model=wire.Uploaded, responses=UPLOAD_ERRORS, openapi_extra=body(wire.Upload, files=_FILE)
)
async def upload_video(request: Request, services: Services, caller: Caller) -> Response:
    """Upload a video as a file, or name a URL it is fetched from."""
    check_announced(request, services.video_uploads.terms.max_bytes)
    async with services.video_uploads.receiving(caller.scope) as upload:
        fields = await read_upload(request, upload, wire.Upload, _FILE)
        if not is_absent(fields.get(_FILE)):
            raise InvalidInput("file must be a file, with a file name", field=_FILE)
        wanted = validated(wire.Upload, fields)
        request_ = VideoRequest(wanted.index, wanted.video_name, wanted.video_url, video_from_wire(wanted))
        video_id = await upload.finish(request_)
    return json_answer(uploaded_to_wire(video_id, is_download=wanted.video_url is not None))


@router.post("/get", response_model=wire.Videos, responses=BODY_ERRORS, openapi_extra=body(wire.OptionalIds))
@router.post(
    "/list", name="list_videos", response_model=wire.Videos, responses=BODY_ERRORS, openapi_extra=body(wire.OptionalIds)
)
async def get_videos(wanted: OptionalIdsBody, services: Services, caller: Caller, links: Links) -> Response:
    """Videos by their ids, in the order asked for, unknown ones left out; all of them where none is named."""
    return json_answer(await _videos(services, caller, wanted.video_ids, links))


@router.get("", response_model=wire.Videos, openapi_extra=query(wire.IdsQuery))
async def browse_videos(wanted: IdsOfQuery, services: Services, caller: Caller, links: Links) -> Response:
    """All videos, newest first; with ids, those videos."""
    return json_answer(await _videos(services, caller, wanted.ids, links))


async def _videos(services: Services, caller: Caller, texts: list[str], links: VideoLinks) -> wire.Videos:
    if texts:
        return videos_to_wire(await services.videos.get(caller.scope, ids_from_wire(texts)), links)
    return videos_to_wire(await services.videos.every(caller.scope), links)


@router.delete(
    "/delete",
    name="delete_named_videos",
    response_model=Deleted,
    responses=BODY_ERRORS,
    openapi_extra=body(wire.NamedIds),
)
@router.post("/delete", response_model=Deleted, responses=BODY_ERRORS, openapi_extra=body(wire.NamedIds))
async def delete_videos(wanted: NamedIdsBody, services: Services, caller: Caller) -> Response:
    """Delete videos; those that are not there are named."""
    _check_named(wanted)
    gone = await services.videos.delete(caller.scope, ids_from_wire(wanted.video_ids))
    return echo_answer(deletion_to_wire(deletion_of(wanted.video_ids, gone), "Videos"))


@router.post("/reprocess", response_model=wire.Done, responses=BODY_ERRORS, openapi_extra=body(wire.NamedIds))
async def reprocess_videos(wanted: NamedIdsBody, services: Services, caller: Caller) -> Response:
    """Index videos anew, or those that never were."""
    count = await services.videos.reprocess(caller.scope, every_id(wanted))
    return json_answer(done(f"Reprocessing queued for {count} videos"))


def every_id(wanted: wire.NamedIds) -> list[UUID]:
    """The ids of videos all of which must be there. Raises InvalidInput for none, and NotFound for what is no id."""
    _check_named(wanted)
    found = [parse_id(text) for text in wanted.video_ids]
    known = [video_id for video_id in found if video_id is not None]
    if len(known) < len(found):
        raise video_not_found()
    return known


def _check_named(wanted: wire.NamedIds) -> None:
    if not wanted.video_ids:
        raise InvalidInput("video_ids must name at least one video", field="video_ids", is_missing=True)


@router.get("/{video_id:video_id}", response_model=wire.Video)
async def get_video(video_id: VideoId, services: Services, caller: Caller, links: Links) -> Response:
    """One video."""
    return json_answer(video_to_wire(await services.videos.one(caller.scope, video_id), links))


@router.delete("/{video_id:video_id}", response_model=Deleted)
async def delete_video(video_id: VideoId, services: Services, caller: Caller) -> Response:
    """Delete one video."""
    gone = await services.videos.delete(caller.scope, [video_id])
    if not gone:
        raise video_not_found()
    return json_answer(deletion_to_wire(deletion_of([str(video_id)], gone), "Videos"))
