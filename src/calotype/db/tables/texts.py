"""Documents and links: what is read in them, in words."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR, UUID

from calotype.db.tables.base import metadata, time

asset_text = Table(
    "asset_text",
    metadata,
    Column("asset_id", UUID, ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("text", Text, nullable=False),
    Column("search", TSVECTOR, nullable=False),
)

document = Table(
    "document",
    metadata,
    Column("asset_id", UUID, ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("page_count", Integer),
    Column("chunk_count", Integer),
    Column("properties", JSONB, nullable=False),
    Column("note", Text),
)

document_chunk = Table(
    "document_chunk",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("asset_id", UUID, ForeignKey("asset.id", ondelete="CASCADE"), nullable=False),
    Column("tenant_id", UUID, nullable=False),
    Column("index", Integer, nullable=False),
    Column("content", Text, nullable=False),
    Column("page_numbers", ARRAY(Integer)),
    Column("headings", ARRAY(Text), nullable=False),
    Column("kind", Text, nullable=False),
    Column("word_count", Integer, nullable=False),
    Column("search", TSVECTOR, nullable=False),
    time("created_at"),
)

link = Table(
    "link",
    metadata,
    Column("asset_id", UUID, ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("url", Text, nullable=False),
    Column("normalized_url", Text, nullable=False),
    Column("domain", Text, nullable=False),
    Column("crawl_status", Text, nullable=False),
    Column("crawl_error", Text),
    time("crawled_at", nullable=True),
    time("recrawl_requested_at", nullable=True),
    Column("found_at", Text),
    Column("canonical_url", Text),
    Column("page_title", Text),
    Column("favicon_url", Text),
    Column("language", Text),
    Column("charset", Text),
    Column("open_graph", JSONB),
    Column("images", JSONB),
    Column("preview_error", Text),
)
