"""Rows of links, each beside its asset's; changed only under the lock of the asset."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, any_, bindparam, insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.engine import Pipeline
from calotype.db.scoped import of_tenant, within_sql
from calotype.domain.link import CrawlStatus, Link, OpenGraph, PageContent, PageImage
from calotype.domain.scope import Scope

_L = tables.link
_INSERT = insert(_L)
_UPDATE = update(_L).where(_L.c.tenant_id == bindparam("of_tenant"), _L.c.asset_id == bindparam("of_asset"))
_NOT_OF_A_LINK = ("tenant_id", "normalized_url")


async def insert_link(connection: AsyncConnection | Pipeline, scope: Scope, new: Link, normalized_url: str) -> None:
    """Store a new link, of whose page nothing is known yet."""
    values = {
        "asset_id": new.asset_id,
        "tenant_id": scope.tenant_id,
        "url": new.url,
        "normalized_url": normalized_url,
        "domain": new.domain,
        "crawl_status": new.crawl_status.value,
    }
    await connection.execute(_INSERT, values)


async def update_link(
    connection: AsyncConnection | Pipeline, scope: Scope, asset_id: UUID, values: Mapping[str, Any]
) -> None:
    """Change columns of one link, under the lock of its asset."""
    await connection.execute(_UPDATE, {"of_tenant": scope.tenant_id, "of_asset": asset_id, **values})


def page_values(page: PageContent, found_at: str) -> dict[str, Any]:
    """What was found on a page, as columns; `found_at` is where redirects led."""
    return {
        "found_at": found_at,
        "canonical_url": page.canonical_url,
        "page_title": page.title,
        "favicon_url": page.favicon_url,
        "language": page.language,
        "charset": page.charset,
        "open_graph": asdict(page.open_graph),
        "images": [asdict(image) for image in page.images],
    }


async def select_link(connection: AsyncConnection, scope: Scope, asset_id: UUID) -> Link | None:
    """One link of the tenant, live or trashed."""
    return (await select_links(connection, scope, [asset_id])).get(asset_id)


async def select_links(connection: AsyncConnection, scope: Scope, asset_ids: Collection[UUID]) -> dict[UUID, Link]:
    """Those of some assets of the tenant, live or trashed, that are links, by id."""
    if not asset_ids:
        return {}
    columns = [column for column in _L.c if column.name not in _NOT_OF_A_LINK]
    wanted = _L.c.asset_id == any_(literal(list(asset_ids), ARRAY(UUID_TYPE)))
    rows = await connection.execute(select(*columns).where(of_tenant(scope, _L), wanted))
    return {row.asset_id: from_row(row) for row in rows}


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")


async def lock_url(connection: AsyncConnection, scope: Scope, normalized_url: str) -> None:
    """Let only one transaction at a time decide whether this URL is new to the tenant."""
    await connection.execute(_LOCK, {"key": f"{scope.tenant_id}:{normalized_url}"})


_LOCK_ALL = text("SELECT pg_advisory_xact_lock(hashtextextended(key, 0)) FROM unnest(CAST(:keys AS text[])) AS key")


async def lock_urls(connection: AsyncConnection, scope: Scope, normalized_urls: Collection[str]) -> None:
    """The same for several URLs at once."""
    # Always in the same order, so that two transactions with some of the same never wait for each other.
    keys = [f"{scope.tenant_id}:{url}" for url in sorted(set(normalized_urls))]
    await connection.execute(_LOCK_ALL, {"keys": keys})


async def has_link(connection: AsyncConnection, scope: Scope, normalized_url: str) -> bool:
    """Whether a link of the scope has this URL, in its normal form."""
    found = await connection.execute(_has(scope), {"tenant_id": scope.tenant_id, "url": normalized_url})
    return bool(found.scalar_one())


def _has(scope: Scope) -> Any:
    return text(
        "SELECT EXISTS (SELECT 1 FROM link JOIN asset ON asset.id = link.asset_id WHERE link.tenant_id = :tenant_id "
        f"AND md5(link.normalized_url) = md5(:url) AND link.normalized_url = :url AND {within_sql(scope.visibility)})"
    )


async def select_held_urls(connection: AsyncConnection, scope: Scope, normalized_urls: Collection[str]) -> set[str]:
    """Those of some URLs, in their normal form, that links of the scope have."""
    values = {"tenant_id": scope.tenant_id, "urls": sorted(set(normalized_urls))}
    return set((await connection.execute(_held(scope), values)).scalars())


def _held(scope: Scope) -> Any:
    return text(
        "SELECT wanted.url FROM unnest(CAST(:urls AS text[])) AS wanted (url) WHERE EXISTS (SELECT 1 FROM link "
        "JOIN asset ON asset.id = link.asset_id WHERE link.tenant_id = :tenant_id "
        f"AND md5(link.normalized_url) = md5(wanted.url) AND link.normalized_url = wanted.url AND {within_sql(scope.visibility)})"
    )


_UNFINISHED = text(
    "SELECT asset.tenant_id, asset.id, asset.created_at FROM link JOIN asset ON asset.id = link.asset_id "
    "WHERE link.crawl_status IN ('queued', 'processing') AND asset.deleted_at IS NULL AND asset.created_at < :before "
    "AND (asset.created_at, asset.id) > (:after_time, :after_id) "
    "ORDER BY asset.created_at, asset.id LIMIT :limit FOR UPDATE OF asset SKIP LOCKED"
)


async def select_unfinished_links(
    connection: AsyncConnection, created_before: datetime, after: tuple[datetime, UUID], limit: int
) -> list[tuple[UUID, UUID, datetime]]:
    """(tenant id, asset id, time it was saved) of live links of any tenant that wait to be crawled, after a given place."""
    values = {"before": created_before, "after_time": after[0], "after_id": after[1], "limit": limit}
    return [(row[0], row[1], row[2]) for row in await connection.execute(_UNFINISHED, values)]


def from_row(row: Row[Any]) -> Link:
    """Make the domain object of a row."""
    values = dict(row._mapping)
    values["crawl_status"] = CrawlStatus(values["crawl_status"])
    if (open_graph := values["open_graph"]) is not None:
        values["open_graph"] = OpenGraph(**open_graph)
    if (images := values["images"]) is not None:
        values["images"] = tuple(PageImage(**image) for image in images)
    return Link(**values)
