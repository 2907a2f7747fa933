"""Colours that can be searched for, and what is known of their extraction."""

from alembic import op

revision = "0004"
down_revision = "0003"

COLORS = """
CREATE TABLE color_analysis (
    asset_id uuid PRIMARY KEY REFERENCES asset ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    -- The newest extraction: for how many colours, and how far it is.
    wanted smallint NOT NULL CHECK (wanted BETWEEN 3 AND 16),
    status text NOT NULL CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    -- When somebody asked for it; null when it came with the picture's development.
    requested_at timestamptz,
    -- What was found last.
    n_colors smallint CHECK (n_colors BETWEEN 3 AND 16),
    extracted_at timestamptz,
    CHECK ((n_colors IS NULL) = (extracted_at IS NULL)),
    CHECK (status <> 'completed' OR n_colors IS NOT NULL)
);
CREATE INDEX color_analysis_unfinished ON color_analysis (requested_at) WHERE status IN ('pending', 'processing');

INSERT INTO color_analysis (asset_id, tenant_id, wanted, status, n_colors, extracted_at)
SELECT asset.id, asset.tenant_id, 16, 'completed', 16, coalesce(last.completed_at, asset.updated_at)
FROM asset LEFT JOIN (
    SELECT asset_id, max(completed_at) AS completed_at FROM operation
    WHERE type = 'extract_colors' AND status = 'completed' GROUP BY asset_id
) AS last ON last.asset_id = asset.id
WHERE asset.facts IS NOT NULL;

ALTER TABLE dominant_color
    -- The colour's place by the five highest bits of each channel, which searches are narrowed by.
    ADD COLUMN cell smallint NOT NULL GENERATED ALWAYS AS
        ((((rgb >> 19) & 31) * 1024 + ((rgb >> 11) & 31) * 32 + ((rgb >> 3) & 31))::smallint) STORED,
    -- All a search wants to know, in 22 bytes: asset, colour, and hundredths of a percent.
    ADD COLUMN entry bytea NOT NULL GENERATED ALWAYS AS
        (uuid_send(asset_id) || int4send(rgb) || int2send((percentage * 100)::smallint)) STORED,
    -- A page that was never vacuumed must be looked at for every entry of the index; new pictures fill pages all the time.
    SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_insert_threshold = 5000);
CREATE INDEX dominant_color_by_cell ON dominant_color (tenant_id, cell, percentage) INCLUDE (entry);
"""


def upgrade() -> None:
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(COLORS)
