"""Tenants with their keys, credits and budgets; and the installation."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import UUID

from calotype.db.tables.base import metadata, time

tenant = Table(
    "tenant",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    time("created_at"),
    Column("storage_quota_bytes", BigInteger),
    Column("monthly_upload_limit", BigInteger),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("tenant_id", UUID, ForeignKey("tenant.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False, unique=True),
    time("created_at"),
    time("expires_at", nullable=True),
    time("revoked_at", nullable=True),
    time("last_used_at", nullable=True),
)

installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("signing_secret", LargeBinary, nullable=False),
    time("created_at"),
)

budget_use = Table(
    "budget_use",
    metadata,
    Column("api_key_id", UUID, ForeignKey("api_key.id", ondelete="CASCADE"), nullable=False),
    Column("budget", Text, nullable=False),
    time("used_at"),
)

credit_account = Table(
    "credit_account",
    metadata,
    Column("tenant_id", UUID, ForeignKey("tenant.id", ondelete="CASCADE"), primary_key=True),
    Column("balance", BigInteger, nullable=False),
    Column("is_unlimited", Boolean, nullable=False),
    Column("entries", BigInteger, nullable=False),
)

credit_entry = Table(
    "credit_entry",
    metadata,
    Column("tenant_id", UUID, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("balance_after", BigInteger, nullable=False),
    Column("session_id", Text),
    Column("image_id", Text),
    Column("request_id", Text),
    time("created_at"),
)
