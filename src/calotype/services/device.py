"""Devices: registering them, their keys, and telling which device a key belongs to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from calotype.db.device import (
    insert_device,
    select_device,
    select_devices,
    select_devices_named,
    update_device,
    update_device_seen,
)
from calotype.db.device_key import insert_device_key, select_device_key_by_hash, update_device_keys_expiry
from calotype.db.engine import Connection, Database
from calotype.domain import device_ids
from calotype.domain.device import Device, DuplicatePolicy, NewDeviceKey, clean_device_metadata, clean_device_name
from calotype.domain.errors import Conflict, CredentialExpired, NotFound, Unauthenticated
from calotype.domain.listing import Window
from calotype.domain.principal import CallingDevice, Principal
from calotype.domain.scope import Scope
from calotype.domain.values import clean_text
from calotype.services.batch import BatchService
from calotype.services.token import DEVICE_PREFIX, is_token, make_token, token_hash

_SEEN_AGAIN = timedelta(seconds=10)  # a device that sends image after image is not noted more often


class DeviceService:
    """The devices of a tenant; `grace` is how long a key still works after another has taken its place."""

    def __init__(self, database: Database, batches: BatchService, *, grace: timedelta) -> None:
        self._database = database
        self._batches = batches
        self._grace = grace

    async def authenticate(self, key: str) -> Principal:
        """Which device a key belongs to.

        Raises Unauthenticated for malformed and unknown keys and those of revoked devices, CredentialExpired for replaced ones.
        """
        if not is_token(key) or not key.startswith(f"{DEVICE_PREFIX}_"):
            raise _unknown_key()
        async with self._database.read() as connection:
            found = await select_device_key_by_hash(connection, token_hash(key))
        if found is None or found.revoked_at is not None:
            raise _unknown_key()
        now = datetime.now(UTC)
        if found.expires_at is not None and found.expires_at <= now:
            raise CredentialExpired("This device key was replaced by another", scheme="DeviceKey")
        if found.last_seen_at is None or now - found.last_seen_at >= _SEEN_AGAIN:
            async with self._database.mark() as connection:
                await update_device_seen(connection, Scope(found.tenant_id), found.device_id, now)
        device = CallingDevice(found.device_id, DuplicatePolicy(found.duplicate_policy))
        return Principal(found.tenant_id, found.id, device)

    async def create(
        self,
        scope: Scope,
        name: str,
        *,
        policy: DuplicatePolicy = DuplicatePolicy.REJECT,
        metadata: Mapping[str, Any] | None = None,
    ) -> NewDeviceKey:
        """Register a device; its key is told this once. Raises InvalidInput."""
        now = datetime.now(UTC)
        device = Device(
            uuid4(), clean_device_name(name), policy, clean_device_metadata(metadata or {}), now, None, None
        )
        key = make_token(DEVICE_PREFIX)
        async with self._database.write() as connection:
            await insert_device(connection, scope, device)
            await insert_device_key(connection, scope, device.id, token_hash(key), now)
        return NewDeviceKey(device, key)

    async def page(self, scope: Scope, window: Window) -> tuple[list[Device], int]:
        """A window of all devices, newest first, revoked ones among them, and how many there are."""
        await self._batches.close_due(scope)
        async with self._database.snapshot() as connection:
            return await select_devices(connection, scope, window)

    async def get(self, scope: Scope, device_id: UUID) -> Device:
        """One device. Raises NotFound."""
        await self._batches.close_due(scope)
        async with self._database.read() as connection:
            return _found(await select_device(connection, scope, device_id))

    async def find(self, scope: Scope, identity: str) -> Device:
        """A device by its id, with or without the prefix, or by its name, of a revoked one only if no other has it.

        Raises InvalidInput, NotFound, and Conflict, which tells their ids, for a name of several.
        """
        identity = clean_text(identity, "device").strip()
        device_id = _id_in(identity)
        async with self._database.read() as connection:
            if device_id is not None and (device := await select_device(connection, scope, device_id)):
                return device
            named = await select_devices_named(connection, scope, identity)
        if not named:
            raise NotFound(f"There is no device {identity!r}")
        meant = [device for device in named if device.revoked_at is None] or named
        if len(meant) > 1:
            ids = ", ".join(device_ids.device_id(device.id) for device in meant)
            raise Conflict(f"Several devices are called {identity!r}; name one by its id: {ids}")
        return meant[0]

    async def update(self, scope: Scope, device_id: UUID, changes: Mapping[str, Any]) -> Device:
        """Change `name`, `duplicate_policy` or `metadata`; what is absent stays.

        Raises NotFound, InvalidInput, and Conflict for a revoked device.
        """
        values: dict[str, Any] = {}
        if "name" in changes:
            values["name"] = clean_device_name(changes["name"])
        if "duplicate_policy" in changes:
            values["duplicate_policy"] = DuplicatePolicy(changes["duplicate_policy"]).value
        if "metadata" in changes:
            values["metadata"] = json.dumps(clean_device_metadata(changes["metadata"] or {}))
        async with self._database.write() as connection:
            device = await self._working(connection, scope, device_id)
            if not values:
                return device
            await update_device(connection, scope, device_id, values)
            return _found(await select_device(connection, scope, device_id))

    async def rotate_key(self, scope: Scope, device_id: UUID) -> NewDeviceKey:
        """Give a device another key; those before it work on for the time of grace. Raises NotFound, Conflict when revoked."""
        now = datetime.now(UTC)
        key = make_token(DEVICE_PREFIX)
        async with self._database.write() as connection:
            device = await self._working(connection, scope, device_id)
            await update_device_keys_expiry(connection, scope, device_id, now + self._grace)
            await insert_device_key(connection, scope, device_id, token_hash(key), now)
        return NewDeviceKey(device, key, now + self._grace)

    async def revoke(self, scope: Scope, device_id: UUID) -> Device:
        """Let none of a device's keys work any more, and close its batch; its images stay. Again is the same. Raises NotFound."""
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            device = _found(await select_device(connection, scope, device_id, lock=True))
            if device.revoked_at is not None:
                return device
            await update_device(connection, scope, device_id, {"revoked_at": now})
            await self._batches.close_of_device(connection, scope, device, now)
        return replace(device, revoked_at=now, open_batch_id=None)

    async def _working(self, connection: Connection, scope: Scope, device_id: UUID) -> Device:
        device = _found(await select_device(connection, scope, device_id, lock=True))
        if device.revoked_at is not None:
            raise Conflict("This device is revoked")
        return device


def _id_in(identity: str) -> UUID | None:
    try:
        return UUID(identity.removeprefix(device_ids.DEVICE))
    except ValueError:
        return None


def _unknown_key() -> Unauthenticated:
    return Unauthenticated("Invalid device key", scheme="DeviceKey")


def _found(device: Device | None) -> Device:
    if device is None:
        raise NotFound("Device not found")
    return device
