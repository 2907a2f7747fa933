"""`calotype devices`: cameras and stations that send images, and their keys."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from calotype.bootstrap import Application
from calotype.cli.identity import looking_in
from calotype.cli.session import with_services
from calotype.domain.device import Device, DuplicatePolicy, NewDeviceKey
from calotype.domain.device_ids import batch_id, device_id
from calotype.domain.listing import Window
from calotype.services.api_key import DEFAULT_TENANT

app = typer.Typer(help="Register devices, give them keys, and revoke them.", no_args_is_help=True)
_Tenant = Annotated[str, typer.Option(help="Whose device it is.")]
_Which = Annotated[str, typer.Argument(metavar="DEVICE", help="The device's id, or its name.")]


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What to call it; several may have the same name.")],
    tenant: _Tenant = DEFAULT_TENANT,
    duplicates: Annotated[
        DuplicatePolicy, typer.Option(help="What becomes of an image whose bytes the library holds already.")
    ] = DuplicatePolicy.REJECT,
) -> None:
    """Register a device and print its key, alone, on standard output; it can never be shown again."""

    async def make(services: Application) -> NewDeviceKey:
        scope = await services.api_keys.scope_of_tenant(tenant)
        return await services.devices.create(scope, name, policy=duplicates)

    made = with_services(make)
    _tell(f"added {_label(made.device)}")
    print(made.api_key)


@app.command("list")
def list_devices(
    tenant: Annotated[str, typer.Option(help="Whose devices.")] = DEFAULT_TENANT,
    limit: Annotated[int, typer.Option(min=1, help="How many to show, newest first.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List devices, newest first, revoked ones among them; times are in UTC."""

    async def find(services: Application) -> tuple[list[Device], int]:
        scope = await services.api_keys.scope_of_tenant(tenant)
        return await services.devices.page(scope, Window(limit, 0))

    devices, total = with_services(find)
    if as_json:
        print(json.dumps({"total": total, "devices": [_as_dict(one) for one in devices]}, indent=2))
        return
    table = Table()
    table.add_column("id", no_wrap=True)  # on a narrow terminal others give way, since this is what is copied
    for heading in ("name", "duplicates", "made", "last seen"):
        table.add_column(heading, overflow="fold")
    table.add_column("images", justify="right", overflow="fold")
    table.add_column("state", overflow="fold")
    for one in devices:
        table.add_row(
            device_id(one.id),
            escape(one.name),
            one.duplicate_policy.value,
            *(_minute(moment) for moment in (one.created_at, one.last_seen_at)),
            str(one.image_count),
            "revoked" if one.revoked_at else "valid",
        )
    Console(width=None if Console().is_terminal else 200).print(table)
    print(f"{len(devices)} of {total} devices")


@app.command("rotate")
def rotate(device: _Which, tenant: _Tenant = DEFAULT_TENANT) -> None:
    """Give a device another key and print it, alone, on standard output; the old one works on for a while."""

    async def change(services: Application) -> NewDeviceKey:
        scope = await services.api_keys.scope_of_tenant(tenant)
        with looking_in(tenant):
            found = await services.devices.find(scope, device)
        return await services.devices.rotate_key(scope, found.id)

    made = with_services(change)
    if made.previous_key_expires_at is not None:
        _tell(
            f"keys of {_label(made.device)} until now stop working at {made.previous_key_expires_at:%Y-%m-%d %H:%M:%S} UTC"
        )
    print(made.api_key)


@app.command("revoke")
def revoke(device: _Which, tenant: _Tenant = DEFAULT_TENANT) -> None:
    """Revoke a device at once and for good: none of its keys works any more, its batch is closed, its images stay."""

    async def end(services: Application) -> Device:
        scope = await services.api_keys.scope_of_tenant(tenant)
        with looking_in(tenant):
            found = await services.devices.find(scope, device)
        return await services.devices.revoke(scope, found.id)

    _tell(f"revoked {_label(with_services(end))}")


def _tell(text: str) -> None:
    # Not on standard output, which is for keys; and before them, so that a key is the last line wherever both go.
    print(text, file=sys.stderr, flush=True)


def _label(device: Device) -> str:
    return f"{device_id(device.id)} ({device.name})"


def _minute(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M") if moment else "-"


def _as_dict(device: Device) -> dict[str, Any]:
    return {
        "id": device_id(device.id),
        "name": device.name,
        "duplicate_policy": device.duplicate_policy.value,
        "metadata": dict(device.metadata),
        "created_at": device.created_at.isoformat(),
        "last_seen_at": device.last_seen_at.isoformat() if device.last_seen_at else None,
        "image_count": device.image_count,
        "open_batch_id": batch_id(device.open_batch_id) if device.open_batch_id else None,
        "revoked_at": device.revoked_at.isoformat() if device.revoked_at else None,
    }
