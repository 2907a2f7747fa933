"""What clients say of a picture, what a picture means as numbers, and what each key has used of its budgets."""

from alembic import op

revision = "0006"
down_revision = "0005"

TABLES = """
-- Unix seconds exactly as the client wrote them; where they are missing the time of upload stands in for them.
ALTER TABLE asset ADD COLUMN recorded_timestamp numeric;
CREATE INDEX asset_by_recorded ON asset
    (tenant_id, (coalesce(recorded_timestamp, extract(epoch FROM created_at AT TIME ZONE 'UTC')))) WHERE deleted_at IS NULL;

CREATE TABLE custom_metadata (
    asset_id uuid PRIMARY KEY REFERENCES asset ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    -- As it was sent, which jsonb would not keep: the order of keys, 1.0 and 1, escaped NULs and halves of surrogate pairs.
    document text NOT NULL,
    search tsvector NOT NULL
);
CREATE INDEX custom_metadata_by_words ON custom_metadata USING gin (search, (ARRAY[tenant_id]))
    WITH (gin_pending_list_limit = 1024);

CREATE TABLE embedding (
    asset_id uuid NOT NULL REFERENCES asset ON DELETE CASCADE,
    source text NOT NULL,
    part integer NOT NULL,
    model text NOT NULL,
    tenant_id uuid NOT NULL,
    dimension smallint NOT NULL,
    vector halfvec NOT NULL CHECK (vector_dims(vector) = dimension),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (asset_id, source, part, model)
);
-- An index holds vectors of one length only, so each model and source has one of its own; `reindex` makes those of other models.
CREATE INDEX embedding_content_1bd7fb6a40cd ON embedding
    USING hnsw ((vector::halfvec(256)) halfvec_cosine_ops) WITH (m = 16, ef_construction = 128)
    WHERE model = 'wordllama-l2-supercat-256' AND source = 'content';
CREATE INDEX embedding_custom_metadata_1bd7fb6a40cd ON embedding
    USING hnsw ((vector::halfvec(256)) halfvec_cosine_ops) WITH (m = 16, ef_construction = 128)
    WHERE model = 'wordllama-l2-supercat-256' AND source = 'custom_metadata';
CREATE INDEX embedding_by_tenant ON embedding (tenant_id, model, source);

-- Vectors whose text has changed since. A mark in their own rows would write each anew, and with it into every index.
CREATE TABLE stale_embedding (
    asset_id uuid NOT NULL REFERENCES asset ON DELETE CASCADE,
    source text NOT NULL,
    model text NOT NULL,
    tenant_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (asset_id, source, model)
);
CREATE INDEX stale_embedding_by_time ON stale_embedding (model, created_at, asset_id);

CREATE TABLE budget_use (
    api_key_id uuid NOT NULL REFERENCES api_key ON DELETE CASCADE,
    budget text NOT NULL,
    used_at timestamptz NOT NULL
);
CREATE INDEX budget_use_by_key ON budget_use (api_key_id, budget, used_at);
"""


def upgrade() -> None:
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(TABLES)
