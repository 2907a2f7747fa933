"""Webhooks and what is delivered to them."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, LargeBinary, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from calotype.db.tables.base import metadata, time

webhook = Table(
    "webhook",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, ForeignKey("tenant.id"), nullable=False),
    Column("url", Text, nullable=False),
    Column("events", ARRAY(Text), nullable=False),
    Column("secret", LargeBinary, nullable=False),
    time("created_at"),
)

webhook_event = Table(
    "webhook_event",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, nullable=False),
    Column("type", Text, nullable=False),
    Column("body", Text, nullable=False),
    time("created_at"),
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("webhook_id", UUID, ForeignKey("webhook.id", ondelete="CASCADE"), nullable=False),
    Column("event_id", UUID, ForeignKey("webhook_event.id", ondelete="CASCADE"), nullable=False),
    Column("tenant_id", UUID, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    time("created_at"),
    time("attempted_at", nullable=True),
    time("next_attempt_at", nullable=True),
    Column("response_status", SmallInteger),
    Column("error", Text),
    time("ended_at", nullable=True),
)
