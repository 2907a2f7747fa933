"""What a route needs of its request: the services and who is asking.

These are coroutines because the framework runs plain functions in a thread, which costs more than all of them together.
"""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import Request

from calotype.bootstrap import Application
from calotype.domain.principal import Principal


async def application_of(request: Request) -> Application:
    """The services of this process."""
    return cast("Application", request.app.state.application)


async def principal_of(request: Request) -> Principal:
    """Who the gate found to be asking."""
    return cast("Principal", request.state.principal)


async def link_base_of(request: Request) -> str:
    """The base URL that links in this answer begin with."""
    application = await application_of(request)
    return application.delivery.base(str(request.base_url))


Services = Annotated[Application, Depends(application_of)]
Caller = Annotated[Principal, Depends(principal_of)]
LinkBase = Annotated[str, Depends(link_base_of)]
