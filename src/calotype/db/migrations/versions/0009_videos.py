"""Videos: what is known of one, its groups, scenes, runs of indexing, and uploads in chunks."""

from alembic import op

revision = "0009"
down_revision = "0008"

TABLES = """
CREATE TABLE video_group (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant ON DELETE CASCADE,
    name text COLLATE "C" NOT NULL,
    -- Strings by string, in the order given.
    metadata json NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (tenant_id, id)
);
CREATE UNIQUE INDEX video_group_name ON video_group (tenant_id, name);

CREATE TABLE video (
    asset_id uuid PRIMARY KEY REFERENCES asset ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    group_id uuid,
    starts_at timestamptz,
    has_storyboard boolean NOT NULL,
    caption_prompt text,
    -- Where its bytes come from, and how far they have come; null for an upload.
    source_url text,
    download_status text CHECK (download_status IN ('pending', 'processing', 'completed', 'failed')),
    download_error text,
    -- What its container says; null until the bytes are there.
    container text,
    duration double precision,
    frame_rate double precision,
    rotation smallint,
    video_codec text,
    pixel_format text,
    audio_codec text,
    bitrate_kbps integer,
    -- The newest run of indexing; null if none was ever asked for.
    indexing_status text CHECK (indexing_status IN ('pending', 'processing', 'completed', 'failed', 'cancelled')),
    scene_count integer NOT NULL,
    has_transcript boolean NOT NULL,
    storyboard jsonb,
    -- A form of it that browsers play, made when first asked for.
    rendition_status text CHECK (rendition_status IN ('pending', 'processing', 'completed', 'failed')),
    rendition_key text,
    rendition_error text,
    FOREIGN KEY (tenant_id, group_id) REFERENCES video_group (tenant_id, id)
);
CREATE INDEX video_by_group ON video (tenant_id, group_id) WHERE group_id IS NOT NULL;
CREATE INDEX video_unfinished ON video (asset_id) WHERE download_status IN ('pending', 'processing')
    OR indexing_status IN ('pending', 'processing') OR rendition_status IN ('pending', 'processing');

CREATE TABLE indexing_run (
    id uuid PRIMARY KEY,
    asset_id uuid NOT NULL REFERENCES asset ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    kind text NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'cancelled')),
    progress smallint NOT NULL CHECK (progress BETWEEN 0 AND 100),
    step text,
    retries smallint NOT NULL,
    error text,
    error_code text,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    completed_at timestamptz
);
CREATE INDEX indexing_run_by_asset ON indexing_run (asset_id, created_at);

CREATE TABLE scene (
    id uuid PRIMARY KEY,
    asset_id uuid NOT NULL REFERENCES asset ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    index integer NOT NULL,
    start_time double precision NOT NULL CHECK (start_time >= 0),
    end_time double precision NOT NULL CHECK (end_time > start_time),
    keyframe_key text,
    description text,
    visible_text text,
    transcript text,
    tags text[] NOT NULL,
    confidence double precision,
    search tsvector NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (asset_id, index)
);
CREATE INDEX scene_by_words ON scene USING gin ((ARRAY[tenant_id]), search) WITH (fastupdate = off);

-- What was said, in pieces as the model heard them.
CREATE TABLE transcript_segment (
    asset_id uuid NOT NULL REFERENCES asset ON DELETE CASCADE,
    index integer NOT NULL,
    tenant_id uuid NOT NULL,
    start_time double precision NOT NULL,
    end_time double precision NOT NULL,
    text text NOT NULL,
    PRIMARY KEY (asset_id, index)
);

-- Not visible as an asset before it is complete; its id becomes the asset's.
CREATE TABLE chunked_upload (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant ON DELETE CASCADE,
    upload_id text NOT NULL,
    batch_id uuid,
    object_key text NOT NULL,
    original_filename text NOT NULL,
    content_type text NOT NULL,
    size_bytes bigint NOT NULL CHECK (size_bytes > 0),
    chunk_bytes integer NOT NULL CHECK (chunk_bytes > 0),
    total_chunks integer NOT NULL CHECK (total_chunks > 0),
    title text,
    tags text[] NOT NULL,
    custom_metadata text,
    priority text NOT NULL,
    status text NOT NULL CHECK (status IN ('uploading', 'completed', 'failed', 'aborted')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    reaped_at timestamptz,
    -- The answer to complete, given again however often it is asked.
    completion json
);
CREATE INDEX chunked_upload_by_expiry ON chunked_upload (expires_at) WHERE status <> 'completed';

CREATE TABLE upload_chunk (
    upload_id uuid NOT NULL REFERENCES chunked_upload ON DELETE CASCADE,
    number integer NOT NULL CHECK (number > 0),
    tenant_id uuid NOT NULL,
    retries smallint NOT NULL,
    object_key text,
    size_bytes bigint,
    etag text,
    received_at timestamptz,
    confirmed_at timestamptz,
    PRIMARY KEY (upload_id, number)
);
"""


def upgrade() -> None:
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(TABLES)
