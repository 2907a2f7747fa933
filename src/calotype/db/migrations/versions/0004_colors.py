"""Colours that can be searched for."""

from alembic import op

revision = "0004"
down_revision = "0003"

COLORS = """
-- Filled in with the search for colours.
SELECT 1;
"""


def upgrade() -> None:
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(COLORS)
