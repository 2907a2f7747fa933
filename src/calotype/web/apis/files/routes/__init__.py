"""All routes of the Files API, under its prefix; one module a noun."""

from __future__ import annotations

from fastapi import APIRouter

from calotype.web.apis.files.auth import FilesFormat
from calotype.web.apis.files.routes import color, file, upload

router = APIRouter(prefix=FilesFormat.prefix)
router.include_router(color.router)
router.include_router(upload.router)
router.include_router(file.router)
