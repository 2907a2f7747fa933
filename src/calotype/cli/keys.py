"""`calotype keys`: making, listing and revoking API keys."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from calotype.cli.session import with_services
from calotype.domain.errors import InvalidInput, NotFound
from calotype.services.api_key import DEFAULT_PREFIX, DEFAULT_TENANT

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)
_DAYS = re.compile(r"(\d{1,5})d")


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    tenant: Annotated[str, typer.Option(help="Whose key it is; a new name makes a new tenant.")] = DEFAULT_TENANT,
    prefix: Annotated[str, typer.Option(help="How the key begins; some clients check it.")] = DEFAULT_PREFIX,
    expires: Annotated[str | None, typer.Option(help="When it stops working: 2027-01-31, or 90d.")] = None,
) -> None:
    """Make a key and print it, alone, on standard output; it can never be shown again."""
    expires_at = _parse_expiry(expires) if expires else None
    print(
        with_services(
            lambda services: services.api_keys.create(name, tenant=tenant, prefix=prefix, expires_at=expires_at)
        )
    )


@app.command("list")
def list_keys() -> None:
    """List all keys; only how they begin is known."""
    table = Table()
    table.add_column("id", no_wrap=True)  # on a narrow terminal others give way, since this is what is copied
    for heading in ("tenant", "name", "begins with", "made", "expires", "last used", "state"):
        table.add_column(heading, overflow="fold")
    now = datetime.now(UTC)
    for key in with_services(lambda services: services.api_keys.keys()):
        is_expired = key.expires_at is not None and key.expires_at <= now
        state = "revoked" if key.revoked_at else "expired" if is_expired else "valid"
        times = [_day(moment) for moment in (key.created_at, key.expires_at, key.last_used_at)]
        table.add_row(str(key.id), escape(key.tenant_name), escape(key.name), key.hint, *times, state)
    Console(width=None if Console().is_terminal else 200).print(table)


@app.command("revoke")
def revoke(key: Annotated[str, typer.Argument(help="The key's id, or the key itself.")]) -> None:
    """Revoke a key at once and for good."""
    if not with_services(lambda services: services.api_keys.revoke(key)):
        raise NotFound("there is no such key that still works")
    typer.echo("revoked", err=True)


def _parse_expiry(text: str) -> datetime:
    if match := _DAYS.fullmatch(text):
        return datetime.now(UTC) + timedelta(days=int(match.group(1)))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(
            "--expires takes an ISO date or time, or a number of days such as 90d", field="expires"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _day(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d") if moment else "-"
