"""Perceptual hashes in a table of their own, so that their index is written once a picture."""

from alembic import op

revision = "0005"
down_revision = "0004"

HASHES = """
CREATE TABLE perceptual_hash (
    asset_id uuid PRIMARY KEY REFERENCES asset ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    phash bit(64) NOT NULL
);
INSERT INTO perceptual_hash (asset_id, tenant_id, phash) SELECT id, tenant_id, phash FROM asset WHERE phash IS NOT NULL;
ALTER TABLE asset DROP COLUMN phash;
"""


def upgrade() -> None:
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(HASHES)
