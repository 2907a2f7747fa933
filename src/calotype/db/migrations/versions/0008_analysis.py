"""Credits and their ledger; sessions of images that are analysed, and the analyses."""

from alembic import op

revision = "0008"
down_revision = "0007"

TABLES = """
CREATE TABLE credit_account (
    tenant_id uuid PRIMARY KEY REFERENCES tenant ON DELETE CASCADE,
    balance bigint NOT NULL CHECK (balance >= 0),
    is_unlimited boolean NOT NULL,
    -- The number of the newest entry, and so how many there are.
    entries bigint NOT NULL
);
INSERT INTO credit_account SELECT id, 0, name = 'default', 0 FROM tenant;

CREATE TABLE credit_entry (
    tenant_id uuid NOT NULL,
    number bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('grant', 'reserve', 'capture', 'refund')),
    amount bigint NOT NULL,
    balance_after bigint NOT NULL CHECK (balance_after >= 0),
    session_id text,
    image_id text,
    request_id text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, number)
);
CREATE INDEX credit_entry_captured ON credit_entry (tenant_id, created_at) WHERE kind = 'capture';

-- None of these refers to a tenant or an asset: such a reference locks the row it points to, in an order of its own, and an image
-- that was paid for is told of even when it is gone.
CREATE TABLE analysis_session (
    id text PRIMARY KEY,
    tenant_id uuid NOT NULL,
    -- How many images were ever added, and so the number of the newest.
    images integer NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX analysis_session_by_expiry ON analysis_session (expires_at);

CREATE TABLE analysis_image (
    session_id text NOT NULL REFERENCES analysis_session ON DELETE CASCADE,
    number integer NOT NULL,
    tenant_id uuid NOT NULL,
    asset_id uuid NOT NULL,
    upload_path text NOT NULL,
    original_filename text NOT NULL,
    size_bytes bigint NOT NULL,
    -- Why its file cannot be read as a whole, where it cannot.
    fault text,
    -- The name suggested last; unique, so that a session's images can be saved side by side.
    filename text COLLATE "C",
    PRIMARY KEY (session_id, number)
);
CREATE UNIQUE INDEX analysis_image_path ON analysis_image (session_id, upload_path);
CREATE UNIQUE INDEX analysis_image_filename ON analysis_image (session_id, filename);

CREATE TABLE analysis (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    session_id text NOT NULL REFERENCES analysis_session ON DELETE CASCADE,
    request_id text,
    total smallint NOT NULL,
    begun smallint NOT NULL,
    ended smallint NOT NULL,
    failed smallint NOT NULL,
    charged smallint NOT NULL,
    -- The number of the newest event.
    events smallint NOT NULL,
    -- Which process tells its client of it; with a time, the client is gone, and is waited for until then.
    watched_by integer NOT NULL,
    watched_until timestamptz,
    -- Who works on it; whoever takes that away counts the epoch up, and what an older one brings is not taken.
    worked_by integer,
    epoch integer NOT NULL,
    is_suspended boolean NOT NULL,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    credits_remaining bigint
);
CREATE INDEX analysis_by_session ON analysis (session_id);
CREATE INDEX analysis_open ON analysis (id) WHERE ended_at IS NULL;

CREATE TABLE analysis_item (
    analysis_id uuid NOT NULL REFERENCES analysis ON DELETE CASCADE,
    place smallint NOT NULL,
    tenant_id uuid NOT NULL,
    image_id text NOT NULL,
    asset_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'analyzing', 'completed', 'failed')),
    -- What is reserved for it: 0 for a tenant without limit, null once that was kept or given back.
    credits smallint CHECK (credits BETWEEN 0 AND 1),
    attempts smallint NOT NULL,
    position smallint,
    begun_event smallint,
    ended_event smallint,
    metadata text,
    fault text,
    error text,
    error_code text,
    PRIMARY KEY (analysis_id, place)
);
"""


def upgrade() -> None:
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(TABLES)
