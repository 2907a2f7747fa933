"""Devices and their keys, batches and annotated images; and webhooks with what is to be delivered to them."""

from alembic import op

revision = "0007"
down_revision = "0006"

TABLES = """
CREATE TABLE device (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    name text NOT NULL,
    duplicate_policy text NOT NULL CHECK (duplicate_policy IN ('reject', 'accept')),
    -- As it was sent, which jsonb would not keep.
    metadata text NOT NULL,
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX device_by_tenant ON device (tenant_id, created_at, id);

CREATE TABLE device_key (
    id uuid PRIMARY KEY,
    device_id uuid NOT NULL REFERENCES device ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    secret_hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz
);
CREATE INDEX device_key_by_device ON device_key (device_id);

CREATE TABLE batch (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    device_id uuid NOT NULL REFERENCES device ON DELETE CASCADE,
    image_count integer NOT NULL,
    created_at timestamptz NOT NULL,
    closed_at timestamptz
);
-- What makes two uploads at the same moment share a batch.
CREATE UNIQUE INDEX batch_collecting ON batch (device_id) WHERE closed_at IS NULL;
CREATE INDEX batch_collecting_by_age ON batch (created_at) WHERE closed_at IS NULL;
CREATE INDEX batch_by_tenant ON batch (tenant_id, created_at, id);
CREATE INDEX batch_by_device ON batch (device_id, created_at, id);

CREATE TABLE device_image (
    asset_id uuid PRIMARY KEY REFERENCES asset ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    device_id uuid NOT NULL REFERENCES device,
    batch_id uuid NOT NULL REFERENCES batch,
    model_id text,
    model_version text,
    created_at timestamptz NOT NULL
);
CREATE INDEX device_image_by_batch ON device_image (batch_id, created_at, asset_id);
-- A storage key holds the first 32 bits of its image's id, so these are numbered, 1024 at once: none is ever given twice.
CREATE SEQUENCE device_image_number MAXVALUE 4194303 NO CYCLE;

CREATE TABLE annotation (
    asset_id uuid NOT NULL REFERENCES asset ON DELETE CASCADE,
    index smallint NOT NULL,
    tenant_id uuid NOT NULL,
    class_value text NOT NULL,
    type text NOT NULL,
    geometry double precision[] NOT NULL,
    confidence double precision,
    extra text,
    PRIMARY KEY (asset_id, index)
);

-- No reference to the asset: the first answer is given again even when the image was deleted meanwhile.
CREATE TABLE idempotency_key (
    device_id uuid NOT NULL REFERENCES device ON DELETE CASCADE,
    key text NOT NULL,
    tenant_id uuid NOT NULL,
    fingerprint bytea NOT NULL,
    asset_id uuid NOT NULL,
    batch_id uuid NOT NULL,
    object_key text NOT NULL,
    is_duplicate boolean NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (device_id, key)
);
CREATE INDEX idempotency_key_by_time ON idempotency_key (created_at);

CREATE TABLE webhook (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    url text NOT NULL,
    events text[] NOT NULL,
    secret bytea NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX webhook_by_tenant ON webhook (tenant_id, created_at, id);

CREATE TABLE webhook_event (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    type text NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX webhook_event_by_time ON webhook_event (created_at);

CREATE TABLE webhook_delivery (
    id uuid PRIMARY KEY,
    webhook_id uuid NOT NULL REFERENCES webhook ON DELETE CASCADE,
    event_id uuid NOT NULL REFERENCES webhook_event ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    status text NOT NULL,
    attempts smallint NOT NULL,
    created_at timestamptz NOT NULL,
    attempted_at timestamptz,
    next_attempt_at timestamptz,
    response_status smallint,
    error text,
    ended_at timestamptz
);
CREATE INDEX webhook_delivery_by_webhook ON webhook_delivery (webhook_id, created_at, id);
CREATE INDEX webhook_delivery_by_event ON webhook_delivery (event_id);
CREATE INDEX webhook_delivery_pending ON webhook_delivery (next_attempt_at, id) WHERE status = 'pending';
"""


def upgrade() -> None:
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(TABLES)
