"""Where the bytes lie that were put to an announced upload, each time under a key of their own."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Let announced uploads name them; what was put before lies under the key that was announced."""
    op.execute("ALTER TABLE presigned_upload ADD COLUMN received_key text")
