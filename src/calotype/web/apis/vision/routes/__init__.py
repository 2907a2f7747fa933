"""All routes of the Vision API; those of version 1 exist at the root and under `/v1`, with one handler each."""

from __future__ import annotations

from fastapi import APIRouter

from calotype.web.apis.vision.routes import group, image, media, unbuilt, video, video_search

_v1 = APIRouter()
_v1.include_router(image.router)
# Before the videos, one of whose ids they would be taken for.
_v1.include_router(group.router)
_v1.include_router(video_search.router)
_v1.include_router(video.router)
_v1.include_router(unbuilt.v1_router)

router = APIRouter()
router.include_router(_v1)
router.include_router(_v1, prefix="/v1", include_in_schema=False)
router.include_router(unbuilt.v2_router)
router.include_router(media.router)
