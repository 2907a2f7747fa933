"""The first tables: tenants, keys, assets and what hangs on them, and the job queue."""

from importlib import resources

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE tenant (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    storage_quota_bytes bigint CHECK (storage_quota_bytes >= 0),
    monthly_upload_limit bigint CHECK (monthly_upload_limit >= 0)
);

CREATE TABLE api_key (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    name text NOT NULL,
    hint text NOT NULL,
    secret_hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
);

CREATE TABLE installation (
    id integer PRIMARY KEY CHECK (id = 1),
    signing_secret bytea NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE asset (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    -- Columns of fixed size first: the ones searches sort and filter by are read without stepping over the others.
    sort_at timestamptz NOT NULL GENERATED ALWAYS AS (coalesce(captured_at, created_at)) STORED,
    size_bytes bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    has_description boolean NOT NULL,
    auto_describe boolean NOT NULL,
    media_type text NOT NULL,
    content_type text NOT NULL,
    format text NOT NULL,
    upload_method text NOT NULL,
    object_key text NOT NULL,
    original_filename text NOT NULL,
    checksum bytea NOT NULL,
    storage_target text NOT NULL,
    title text,
    tags text[] NOT NULL,
    folder_id uuid,
    deleted_at timestamptz,
    width integer,
    height integer,
    blur_hash text,
    phash bit(64),
    facts jsonb,
    captured_at timestamptz,
    captured_wall timestamp,
    captured_offset_minutes smallint,
    captured_offset_source text,
    variants jsonb NOT NULL,
    variant_status text,
    variant_error text,
    description_status text,
    description_error text,
    description text,
    visible_text text,
    confidence double precision,
    described_at timestamptz,
    search tsvector NOT NULL,
    sort_title text GENERATED ALWAYS AS (lower(title)) STORED
) WITH (
    fillfactor = 85,
    -- Long texts move out of the row, so that counting the matches of a frequent word reads few pages.
    toast_tuple_target = 256
);

-- For counting: with so few different values in it, it is a tenth of the size of the others.
CREATE INDEX asset_by_tenant ON asset (tenant_id, media_type, has_description, folder_id) WHERE deleted_at IS NULL;
-- A column for each order a listing may have; the partial condition keeps the trash out of all of them. The two orders by time
-- hold what listings filter by, so that counting and skipping rows need not look at them.
CREATE INDEX asset_by_sort_at ON asset (tenant_id, sort_at, id)
    INCLUDE (created_at, media_type, has_description, folder_id) WHERE deleted_at IS NULL;
CREATE INDEX asset_by_created_at ON asset (tenant_id, created_at, id)
    INCLUDE (media_type, has_description, folder_id) WHERE deleted_at IS NULL;
CREATE INDEX asset_by_size ON asset (tenant_id, size_bytes, id) WHERE deleted_at IS NULL;
-- Untitled assets come last in both directions, so one index cannot serve both.
CREATE INDEX asset_by_title ON asset (tenant_id, sort_title, id) WHERE deleted_at IS NULL;
CREATE INDEX asset_by_title_down ON asset (tenant_id, sort_title DESC NULLS LAST, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX asset_by_checksum ON asset (tenant_id, checksum) WHERE deleted_at IS NULL;
-- The tenant stands in it as an array because only arrays can be in such an index without an extension. Every search also reads
-- what was written last and is not sorted into the index yet; the limit keeps that short.
CREATE INDEX asset_by_words ON asset USING gin (search, tags, (ARRAY[tenant_id]))
    WITH (gin_pending_list_limit = 1024) WHERE deleted_at IS NULL;
CREATE INDEX asset_trash ON asset (tenant_id, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX asset_unfinished ON asset (created_at)
    WHERE deleted_at IS NULL AND (variant_status IN ('pending', 'processing') OR description_status IN ('pending', 'processing'));

CREATE TABLE description (
    id uuid PRIMARY KEY,
    asset_id uuid NOT NULL REFERENCES asset ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    description text NOT NULL,
    visible_text text,
    confidence double precision,
    providers text[] NOT NULL,
    verification_level text NOT NULL,
    processing_time_ms integer,
    created_at timestamptz NOT NULL
);
CREATE INDEX description_by_asset ON description (asset_id, created_at DESC);

CREATE TABLE operation (
    id uuid PRIMARY KEY,
    asset_id uuid NOT NULL REFERENCES asset ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    type text NOT NULL,
    status text NOT NULL,
    created_at timestamptz NOT NULL,
    completed_at timestamptz,
    error_message text
);
CREATE INDEX operation_by_asset ON operation (asset_id, created_at);

CREATE TABLE dominant_color (
    asset_id uuid NOT NULL REFERENCES asset ON DELETE CASCADE,
    rank smallint NOT NULL,
    tenant_id uuid NOT NULL,
    percentage double precision NOT NULL,
    rgb integer NOT NULL,
    lab double precision[] NOT NULL,
    PRIMARY KEY (asset_id, rank)
);

CREATE TABLE presigned_upload (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    object_key text NOT NULL,
    original_filename text NOT NULL,
    declared_size bigint NOT NULL,
    title text,
    tags text[] NOT NULL,
    auto_describe boolean NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    received_size bigint,
    received_checksum bytea,
    confirmed_at timestamptz,
    confirmed_status text,
    reaped_at timestamptz
);
CREATE INDEX presigned_upload_open ON presigned_upload (expires_at) WHERE confirmed_at IS NULL;

-- Many workers ask "what is next in this lane?"; without this a long queue in one lane slows the others.
"""

QUEUE_INDEX = """
CREATE INDEX calotype_jobs_by_lane ON procrastinate_jobs (queue_name, priority DESC, id) WHERE status = 'todo';
"""


def upgrade() -> None:
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(TABLES)
    # The queue's own schema comes with the library, at the version that is installed.
    driver.execute((resources.files("procrastinate") / "sql" / "schema.sql").read_text().encode())
    driver.execute(QUEUE_INDEX)
