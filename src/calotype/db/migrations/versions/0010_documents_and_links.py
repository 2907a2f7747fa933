"""Documents and links: their texts, the chunks of documents, and the crawling of links."""

from alembic import op

revision = "0010"
down_revision = "0009"

TABLES = """
ALTER TABLE asset
    ADD COLUMN text_status text CHECK (text_status IN ('pending', 'processing', 'completed', 'failed')),
    ADD COLUMN text_error text;

DROP INDEX asset_unfinished;
CREATE INDEX asset_unfinished ON asset (created_at)
    WHERE deleted_at IS NULL AND (variant_status IN ('pending', 'processing')
        OR description_status IN ('pending', 'processing') OR text_status IN ('pending', 'processing'));

-- The text within an asset, and the words that it adds to those of the asset's own row.
CREATE TABLE asset_text (
    asset_id uuid PRIMARY KEY REFERENCES asset ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    text text NOT NULL,
    search tsvector NOT NULL
);

CREATE TABLE document (
    asset_id uuid PRIMARY KEY REFERENCES asset ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    page_count integer,
    chunk_count integer,
    properties jsonb NOT NULL,
    -- What of it could not be read although the rest could.
    note text
);

CREATE TABLE document_chunk (
    id uuid PRIMARY KEY,
    asset_id uuid NOT NULL REFERENCES asset ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    index integer NOT NULL,
    content text NOT NULL,
    page_numbers integer[],
    headings text[] NOT NULL,
    kind text NOT NULL,
    word_count integer NOT NULL,
    search tsvector NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (asset_id, index)
);
CREATE INDEX document_chunk_by_words ON document_chunk USING gin ((ARRAY[tenant_id]), search) WITH (fastupdate = off);

CREATE TABLE link (
    asset_id uuid PRIMARY KEY REFERENCES asset ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    url text NOT NULL,
    -- The same for what is the same page by the form of its URL.
    normalized_url text NOT NULL,
    domain text NOT NULL,
    crawl_status text NOT NULL CHECK (crawl_status IN ('pending', 'queued', 'processing', 'completed', 'failed')),
    crawl_error text,
    crawled_at timestamptz,
    recrawl_requested_at timestamptz,
    -- What the last crawl that succeeded has found.
    found_at text,
    canonical_url text,
    page_title text,
    favicon_url text,
    language text,
    charset text,
    open_graph jsonb,
    images jsonb,
    preview_error text
);
CREATE INDEX link_by_url ON link (tenant_id, md5(normalized_url));
CREATE INDEX link_unfinished ON link (asset_id) WHERE crawl_status IN ('queued', 'processing');
"""


def upgrade() -> None:
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(TABLES)
