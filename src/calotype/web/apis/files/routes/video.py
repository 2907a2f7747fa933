"""Videos: their analyses and scenes."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from calotype.services.indexing import MAX_RETRIES
from calotype.web.apis.files.openapi import ERRORS, further
from calotype.web.apis.files.signed_links import keyframe_links
from calotype.web.apis.files.translate import video as translate
from calotype.web.apis.files.wire import video as wire
from calotype.web.shared.context import Caller, Services
from calotype.web.shared.json_response import ModelResponse
from calotype.web.shared.wire_values import WireUuid

router = APIRouter(tags=["Files API: videos"], responses=ERRORS)
_FOREVER = "public, max-age=31536000"
_JPEG = "image/jpeg"


@router.get("/video-analysis/jobs/{job_id}", response_model=wire.AnalysisJob)
async def get_analysis_job(job_id: WireUuid, services: Services, caller: Caller) -> Response:
    """One analysis."""
    return ModelResponse(translate.job_to_wire(await services.indexing.run(caller.scope, job_id), MAX_RETRIES))


@router.get("/video-analysis/status/{media_id}", response_model=wire.AnalysisJob)
async def get_analysis_status(media_id: WireUuid, services: Services, caller: Caller) -> Response:
    """The newest analysis of a video."""
    return ModelResponse(translate.job_to_wire(await services.indexing.newest(caller.scope, media_id), MAX_RETRIES))


@router.post(
    "/video-analysis/jobs/{job_id}/retry", status_code=202, response_model=wire.RetryAnswer, responses=further(409)
)
async def retry_analysis_job(job_id: WireUuid, body: wire.RetryRequest, services: Services, caller: Caller) -> Response:
    """Begin an analysis again that failed or was cancelled."""
    run = await services.indexing.retry(caller.scope, job_id, body.media_id)
    return ModelResponse(translate.retry_to_wire(run, MAX_RETRIES), 202)


@router.post("/video-analysis/queue", status_code=202, response_model=wire.QueueAnswer, responses=further(409))
async def queue_analysis(body: wire.QueueRequest, services: Services, caller: Caller) -> Response:
    """Have a video analysed; while that is under way, a second request finds the first."""
    urgency = translate.urgency_from_wire(body.priority)
    run, ahead = await services.indexing.queue(caller.scope, body.media_id, body.analysis_type, urgency)
    return ModelResponse(translate.queued_to_wire(run, ahead), 202)


@router.get("/videos/{video_id}/scenes", response_model=wire.Scenes)
async def list_scenes(video_id: WireUuid, services: Services, caller: Caller) -> Response:
    """The scenes of a video."""
    scenes = await services.scenes.scenes(caller.scope, video_id)
    return ModelResponse(translate.scenes_to_wire(video_id, scenes, keyframe_links(services, caller)))


@router.get(
    "/video-scenes/{scene_id}/thumbnail",
    response_class=Response,
    responses={
        200: {
            "content": {_JPEG: {"schema": {"type": "string", "format": "binary"}}},
            "description": "The picture of a scene",
        }
    },
)
async def get_scene_thumbnail(scene_id: WireUuid, services: Services, caller: Caller) -> Response:
    """The picture of a scene; a signature in the query stands in for the token."""
    data = await services.scenes.keyframe(caller.scope, scene_id)
    headers = {
        "Cache-Control": _FOREVER,
        "Content-Disposition": f'inline; filename="scene_{scene_id}.jpg"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(data, media_type=_JPEG, headers=headers)
