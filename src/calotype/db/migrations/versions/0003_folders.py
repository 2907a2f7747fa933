"""Folders: a tree of names, and the files in it."""

from alembic import op

revision = "0003"
down_revision = "0002"

FOLDERS = """
CREATE TABLE folder (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    parent_id uuid,
    -- In the order of code points on every server, whatever its language.
    name text COLLATE "C" NOT NULL,
    depth smallint NOT NULL CHECK (depth BETWEEN 0 AND 10),
    -- Every folder lies exactly one deeper than its parent, which no cycle can satisfy.
    parent_depth smallint GENERATED ALWAYS AS (depth - 1) STORED,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, id, depth),
    CONSTRAINT folder_siblings UNIQUE NULLS NOT DISTINCT (tenant_id, parent_id, name),
    CHECK ((parent_id IS NULL) = (depth = 0)),
    -- Deferred, because the folders of a subtree that moves change their depths one after the other.
    CONSTRAINT folder_parent FOREIGN KEY (tenant_id, parent_id, parent_depth) REFERENCES folder (tenant_id, id, depth)
        DEFERRABLE INITIALLY DEFERRED
);

-- Counts a tenant's live files by folder and finds the files of one folder without looking at other rows; also what the foreign
-- key asks when a folder goes, files in the trash included. Files at the root cost it nothing.
CREATE INDEX asset_by_folder ON asset (tenant_id, folder_id, deleted_at) WHERE folder_id IS NOT NULL;
-- Until now a folder could be named but none could exist.
UPDATE asset SET folder_id = NULL WHERE folder_id IS NOT NULL;
ALTER TABLE asset ADD CONSTRAINT asset_folder FOREIGN KEY (tenant_id, folder_id)
    REFERENCES folder (tenant_id, id) ON DELETE SET NULL (folder_id);
"""


def upgrade() -> None:
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(FOLDERS)
