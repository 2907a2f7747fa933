"""`calotype search`: finding files from the command line."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from calotype.bootstrap import Application
from calotype.cli.session import with_services
from calotype.domain.asset import Asset
from calotype.domain.listing import AssetFilter, AssetPage, PageRequest
from calotype.services.api_key import DEFAULT_TENANT


def search(
    text: Annotated[str, typer.Argument(help="Words that must all occur.")],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many files to show.")] = 20,
    tenant: Annotated[str, typer.Option(help="Whose library.")] = DEFAULT_TENANT,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find files by title, name, tags, description and the text in them, and links by what is on their pages."""

    async def find(services: Application) -> AssetPage:
        scope = await services.api_keys.scope_of_tenant(tenant)
        return await services.search.page(scope, AssetFilter(search=text), PageRequest(limit=limit))

    page = with_services(find)
    if as_json:
        print(
            json.dumps(
                {"total_count": page.total_count, "files": [_as_dict(asset, page) for asset in page.assets]},
                indent=2,
            )
        )
        return
    table = Table("id", "file", "title", "taken", "description")
    for asset in page.assets:
        taken = (asset.captured_at or asset.created_at).strftime("%Y-%m-%d")
        cells = (_name(asset, page), asset.title or "", taken, asset.description or "")
        table.add_row(str(asset.id)[:8], *map(escape, cells))
    console = Console()
    console.print(table)
    console.print(f"{page.total_count} found")


def _name(asset: Asset, page: AssetPage) -> str:
    """What a file is called, and where a link leads to."""
    found = page.links.get(asset.id)
    return found.link.url if found else asset.original_filename


def _as_dict(asset: Asset, page: AssetPage) -> dict[str, Any]:
    found = page.links.get(asset.id)
    return {
        "id": str(asset.id),
        "media_type": asset.media_type,
        "filename": asset.original_filename or None,
        "source_url": found.link.url if found else None,
        "title": asset.title,
        "tags": list(asset.tags),
        "description": asset.description,
        "visible_text": asset.visible_text,
        "created_at": asset.created_at.isoformat(),
        "content_created_at": asset.captured_at.isoformat() if asset.captured_at else None,
    }
