"""All routes of the Files API, under its prefix."""

from __future__ import annotations

from fastapi import APIRouter

from calotype.web.apis.files import files, uploads
from calotype.web.apis.files.auth import FilesFormat

router = APIRouter(prefix=FilesFormat.prefix)
router.include_router(uploads.router)
router.include_router(files.router)
