"""All routes of the Analysis API, under its prefix; one module a noun."""

from __future__ import annotations

from fastapi import APIRouter

from calotype.web.apis.analysis.auth import AnalysisFormat
from calotype.web.apis.analysis.routes import analysis, credit, session

router = APIRouter(prefix=AnalysisFormat.prefix)
router.include_router(session.router)
router.include_router(analysis.router)
router.include_router(credit.router)
