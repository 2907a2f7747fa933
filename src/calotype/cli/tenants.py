"""`calotype tenants`: what each tenant has used, and the limits it is given."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from calotype.cli.session import with_services
from calotype.domain.errors import InvalidInput
from calotype.domain.quota import TenantUsage
from calotype.domain.size import format_size, parse_size

app = typer.Typer(help="Show what tenants have used, and limit them.", no_args_is_help=True)
_NUMBER = re.compile(r"[0-9]{1,19}", re.ASCII)
_Name = Annotated[str, typer.Argument(help="The tenant.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_tenants(as_json: _AsJson = False) -> None:
    """List all tenants with what they have used and their limits."""
    found = with_services(lambda services: services.tenants.all())
    if as_json:
        print(json.dumps([_as_dict(one) for one in found], indent=2))
        return
    table = Table()
    table.add_column("tenant")
    for heading in ("files", "stored", "of at most", "uploads this month", "of at most"):
        table.add_column(heading, justify="right")
    for one in found:
        table.add_row(escape(one.tenant.name), *_figures(one))
    Console(width=None if Console().is_terminal else 200).print(table)


@app.command("show")
def show(name: _Name, as_json: _AsJson = False) -> None:
    """Show what one tenant has used and its limits."""
    _print_one(with_services(lambda services: services.tenants.show(name)), as_json=as_json)


@app.command("set-limits")
def set_limits(
    name: _Name,
    max_bytes: Annotated[
        str | None, typer.Option(help="Bytes that may be kept, such as 500GB or 1.5TiB; none takes the limit away.")
    ] = None,
    max_uploads_per_month: Annotated[
        str | None, typer.Option(help="Uploads in a calendar month (UTC); none takes the limit away.")
    ] = None,
    as_json: _AsJson = False,
) -> None:
    """Limit a tenant. What is there already stays; running servers follow within five seconds."""
    limits: dict[str, int | None] = {}
    if max_bytes is not None:
        limits["storage_quota_bytes"] = None if max_bytes == "none" else parse_size(max_bytes)
    if max_uploads_per_month is not None:
        limits["monthly_upload_limit"] = _parse_number(max_uploads_per_month)
    _print_one(with_services(lambda services: services.tenants.set_limits(name, limits)), as_json=as_json)


def _parse_number(text: str) -> int | None:
    if text == "none":
        return None
    if not _NUMBER.fullmatch(text):
        raise InvalidInput("--max-uploads-per-month takes a number, or none", field="max_uploads_per_month")
    return int(text)


def _print_one(one: TenantUsage, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_as_dict(one), indent=2))
        return
    files, stored, quota, uploads, limit = _figures(one)
    table = Table(show_header=False)
    for row in (
        ("tenant", escape(one.tenant.name)),
        ("id", str(one.tenant.id)),
        ("files", files),
        ("stored", f"{stored} ({one.usage.stored_bytes} bytes)"),
        ("at most", quota),
        ("uploads this month", uploads),
        ("at most", limit),
    ):
        table.add_row(*row)
    Console(width=None if Console().is_terminal else 200).print(table)


def _figures(one: TenantUsage) -> tuple[str, str, str, str, str]:
    quota, limit = one.tenant.storage_quota_bytes, one.tenant.monthly_upload_limit
    return (
        str(one.usage.files),
        format_size(one.usage.stored_bytes),
        "-" if quota is None else format_size(quota),
        str(one.usage.uploads_this_month),
        "-" if limit is None else str(limit),
    )


def _as_dict(one: TenantUsage) -> dict[str, Any]:
    return {
        "id": str(one.tenant.id),
        "name": one.tenant.name,
        "files": one.usage.files,
        "stored_bytes": one.usage.stored_bytes,
        "max_bytes": one.tenant.storage_quota_bytes,
        "uploads_this_month": one.usage.uploads_this_month,
        "max_uploads_per_month": one.tenant.monthly_upload_limit,
    }
