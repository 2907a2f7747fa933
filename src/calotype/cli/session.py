"""Running one piece of asynchronous work with all services at hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import typer

from calotype.bootstrap import Application, open_application, open_database
from calotype.cli.logs import configure_logs
from calotype.settings import load_settings

Result = TypeVar("Result")


def with_services(work: Callable[[Application], Awaitable[Result]]) -> Result:
    """Open database and services, do the work, close them again."""
    settings = load_settings()
    configure_logs(settings)

    async def run(url: str) -> Result:
        async with open_application(settings, url) as application:
            return await work(application)

    if settings.database_url is None and not (settings.data_dir / "postgres").exists():
        # Whoever meant a library that is there is in the wrong folder, and would wonder why it is empty.
        folder = settings.data_dir.absolute()
        typer.echo(f"calotype: makes a new library in {folder}; CALOTYPE_DATA_DIR names another folder", err=True)
    with open_database(settings) as url:
        return asyncio.run(run(url))
