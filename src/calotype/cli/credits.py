"""`calotype credits`: what tenants may have analysed, given and taken back, and the ledger of it."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from calotype.bootstrap import Application
from calotype.cli.session import with_services
from calotype.domain.credit import CreditUsage, LedgerEntry
from calotype.domain.errors import InvalidInput
from calotype.domain.listing import Window
from calotype.domain.scope import Scope

app = typer.Typer(help="Give tenants credits for analyses, and show what became of them.", no_args_is_help=True)
_NUMBER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_Name = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


# What looks like an option that nobody knows is left as it is, and so -5 is a number.
@app.command("grant", context_settings={"ignore_unknown_options": True})
def grant(
    name: _Name,
    amount: Annotated[
        str, typer.Argument(metavar="N", help="How many; a negative number takes back what is not used.")
    ],
    as_json: _AsJson = False,
) -> None:
    """Give a tenant credits, and print what it has then."""
    if not _NUMBER.fullmatch(amount):
        raise InvalidInput(f"N is a whole number of credits, and not {amount!r}", field="amount")

    async def change(services: Application, scope: Scope) -> None:
        await services.credits.grant(scope, int(amount))

    _change(name, change, as_json=as_json)


@app.command("limited")
def limited(name: _Name, as_json: _AsJson = False) -> None:
    """Let a tenant use no more credits than it has."""
    _set_unlimited(name, is_unlimited=False, as_json=as_json)


@app.command("unlimited")
def unlimited(name: _Name, as_json: _AsJson = False) -> None:
    """Let a tenant use as many credits as it likes; what it uses is written down all the same."""
    _set_unlimited(name, is_unlimited=True, as_json=as_json)


@app.command("show")
def show(
    name: _Name,
    limit: Annotated[int, typer.Option(min=1, help="How many entries of the ledger to show, newest first.")] = 10,
    as_json: _AsJson = False,
) -> None:
    """Show what a tenant has, what it has used, and the end of its ledger; times are in UTC."""

    async def find(services: Application) -> tuple[CreditUsage, list[LedgerEntry], int]:
        scope = await services.api_keys.scope_of_tenant(name)
        return await services.credits.usage(scope), *await services.credits.ledger(scope, Window(limit, 0))

    usage, entries, total = with_services(find)
    if as_json:
        shown = {**_as_dict(name, usage), "entries": [_entry_as_dict(one) for one in entries], "total": total}
        print(json.dumps(shown, indent=2))
        return
    _print_usage(name, usage)
    _print_entries(entries)
    print(f"{len(entries)} of {total} entries")


def _set_unlimited(name: str, *, is_unlimited: bool, as_json: bool) -> None:
    async def change(services: Application, scope: Scope) -> None:
        await services.credits.set_unlimited(scope, is_unlimited=is_unlimited)

    _change(name, change, as_json=as_json)


def _change(name: str, change: Callable[[Application, Scope], Awaitable[None]], *, as_json: bool) -> None:
    async def run(services: Application) -> CreditUsage:
        scope = await services.api_keys.scope_of_tenant(name)
        await change(services, scope)
        return await services.credits.usage(scope)

    usage = with_services(run)
    if as_json:
        print(json.dumps(_as_dict(name, usage), indent=2))
    else:
        _print_usage(name, usage)


def _print_usage(name: str, usage: CreditUsage) -> None:
    table = Table(show_header=False)
    for row in (
        ("tenant", escape(name)),
        ("balance", str(usage.account.balance)),
        ("unlimited", "yes" if usage.account.is_unlimited else "no"),
        ("used in 30 days", str(usage.used_30d)),
    ):
        table.add_row(*row)
    _print(table)


def _print_entries(entries: Sequence[LedgerEntry]) -> None:
    table = Table()
    for heading in ("number", "time", "kind", "amount", "balance", "session", "image"):
        table.add_column(heading, justify="right" if heading in {"number", "amount", "balance"} else "left")
    for one in entries:
        time = one.created_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        figures = (f"{one.amount:+}" if one.amount else "0", str(one.balance_after))
        table.add_row(
            str(one.number), time, one.kind.value, *figures, escape(one.session_id or "-"), escape(one.image_id or "-")
        )
    _print(table)


def _print(table: Table) -> None:
    Console(width=None if Console().is_terminal else 200).print(table)


def _as_dict(name: str, usage: CreditUsage) -> dict[str, Any]:
    return {
        "tenant": name,
        "balance": usage.account.balance,
        "unlimited": usage.account.is_unlimited,
        "used_30d": usage.used_30d,
    }


def _entry_as_dict(one: LedgerEntry) -> dict[str, Any]:
    return {
        "number": one.number,
        "kind": one.kind.value,
        "amount": one.amount,
        "balance_after": one.balance_after,
        "session_id": one.session_id,
        "image_id": one.image_id,
        "created_at": one.created_at.isoformat(),
    }
