"""Upload sessions: what became of each file of a batch."""

from alembic import op

revision = "0002"
down_revision = "0001"

SESSIONS = """
CREATE TABLE upload_session (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    created_at timestamptz NOT NULL,
    intent text,
    verification_level text,
    -- Moves while the request is being read, so that a reader that died is noticed.
    reader_seen_at timestamptz NOT NULL,
    -- When the whole request had been read, or would not come any more.
    received_at timestamptz,
    -- Cancelled, refused or expired; nothing changes after it.
    closed_at timestamptz,
    closed_as text CHECK (closed_as IN ('cancelled', 'expired')),
    CHECK ((closed_at IS NULL) = (closed_as IS NULL))
);
CREATE INDEX upload_session_by_time ON upload_session (tenant_id, created_at DESC, id DESC);
CREATE INDEX upload_session_being_read ON upload_session (reader_seen_at) WHERE received_at IS NULL;

CREATE TABLE upload_session_file (
    session_id uuid NOT NULL REFERENCES upload_session ON DELETE CASCADE,
    -- The place at which the file was sent, from 0; rejected files leave gaps.
    index integer NOT NULL,
    tenant_id uuid NOT NULL,
    -- Not a reference: a file that failed never had a row, and a row may be purged before its session is.
    asset_id uuid NOT NULL,
    filename text NOT NULL,
    object_key text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('pending', 'completed', 'failed', 'skipped')),
    error text,
    -- The beginning of the description, as it was when the file's work ended.
    description text,
    retryable boolean NOT NULL DEFAULT false,
    -- Whether another upload was told that its content is here already, which then must not be taken back.
    is_wanted boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (session_id, index),
    CHECK ((outcome = 'pending') = (ended_at IS NULL))
);
-- Looked at by every job that ends, so it holds only what a job can still change.
CREATE INDEX upload_session_file_pending ON upload_session_file (asset_id) WHERE outcome = 'pending';
CREATE INDEX upload_session_file_by_asset ON upload_session_file (asset_id);
"""


def upgrade() -> None:
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(SESSIONS)
