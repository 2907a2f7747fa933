"""Routes of the Vision API that this version does not offer; each says so instead of looking like a mistake of the client's."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.exceptions import HTTPException

from calotype.web.apis.vision.routes import identity as _identity  # noqa: F401 - paths below name its convertors

_V1 = {
    "/qa/chat": "POST",
    "/qa/stream": "POST",
    "/qa/quicktag": "POST",
    "/qa/indexedtag": "POST",
    "/clips": "GET POST",
    "/clips/{clip_id}": "GET DELETE",
    "/creator/reels": "GET POST",
    "/creator/reels/{clip_id}": "GET DELETE",
}
_V2 = {
    "/v2/videos": "GET POST",
    "/v2/videos/{video_id}": "GET PATCH DELETE",
    "/v2/video-groups": "GET POST",
    "/v2/video-groups/{group_id}": "GET PATCH DELETE",
    "/v2/video-groups/{group_id}/videos": "GET POST",
    "/v2/features": "GET",
    "/v2/videos/{video_id}/features/plan": "POST",
    "/v2/videos/{video_id}/features/transcript": "POST",
    "/v2/videos/{video_id}/features/captions": "POST",
    "/v2/videos/{video_id}/features/embeddings": "POST",
    "/v2/videos/{video_id}/features/objects": "POST",
    "/v2/videos/{video_id}/transcript": "GET",
    "/v2/videos/{video_id}/captions": "GET",
    "/v2/videos/{video_id}/scenes": "GET",
    "/v2/videos/{video_id}/objects": "GET",
    "/v2/videos/{video_id}/segment": "POST",
    "/v2/search": "POST",
    "/v2/chat": "POST",
}


async def _refuse() -> None:
    raise HTTPException(501, "This route is not built in this version of Calotype")


def _router(routes: dict[str, str]) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    for path, methods in routes.items():
        router.add_api_route(path, _refuse, methods=methods.split())
    return router


v1_router = _router(_V1)
v2_router = _router(_V2)
