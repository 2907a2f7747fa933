"""Credits of the Analysis API."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from calotype.domain.listing import Window
from calotype.web.apis.analysis.answers import json_answer
from calotype.web.apis.analysis.openapi import CREDIT_ERRORS
from calotype.web.apis.analysis.translate.credit import credits_to_wire, ledger_to_wire
from calotype.web.apis.analysis.wire import credit as wire
from calotype.web.shared.context import Caller, Services

router = APIRouter(prefix="/credits", tags=["Analysis API: credits"], responses=CREDIT_ERRORS)


@router.get("", response_model=wire.Credits)
async def get_credits(services: Services, caller: Caller) -> Response:
    """What there is, and what was used in the last 30 days."""
    return json_answer(credits_to_wire(await services.credits.usage(caller.scope)))


@router.get("/ledger", response_model=wire.Ledger)
async def list_credit_entries(
    query: Annotated[wire.LedgerQuery, Query()], services: Services, caller: Caller
) -> Response:
    """Every change of the balance, newest first."""
    window = Window(query.limit, query.offset)
    entries, total = await services.credits.ledger(caller.scope, window)
    return json_answer(ledger_to_wire(entries, total, window))
