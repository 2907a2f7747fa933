"""All routes of the Files API, under its prefix; one module a noun."""

from __future__ import annotations

from fastapi import APIRouter

from calotype.web.apis.files.auth import FilesFormat
from calotype.web.apis.files.routes import (
    agent,
    batch,
    chunked_upload,
    color,
    document,
    duplicate,
    file,
    folder,
    link,
    look_alike,
    quota,
    session,
    upload,
    upload_status,
    video,
    websocket,
)

router = APIRouter(prefix=FilesFormat.prefix)
router.include_router(duplicate.router)
router.include_router(quota.router)
router.include_router(color.router)
router.include_router(upload.router)
router.include_router(batch.router)
router.include_router(chunked_upload.router)
router.include_router(link.router)
router.include_router(file.router)
router.include_router(session.router)
router.include_router(upload_status.router)
router.include_router(websocket.router)
router.include_router(folder.router)
router.include_router(look_alike.router)
router.include_router(video.router)
router.include_router(agent.router)
router.include_router(document.router)
