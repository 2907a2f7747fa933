"""A real S3-speaking server for tests, as a process of its own."""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from calotype.storage.remote import RemoteStore

PROGRAM = Path(__file__).parent / "storage" / "s3_server.py"


class S3Server:
    """A running server: where it is, who may use it, and what it was asked."""

    def __init__(self, found, log):
        self.bucket = found.pop("bucket")
        self.options = {**found, "region": "us-east-1"}
        self._log = log

    def store(self, scratch, prefix=None, **options):
        """A store in the server's bucket, in a prefix of its own."""
        prefix = prefix or secrets.token_hex(8)
        url = f"s3://{self.bucket}/{prefix}"
        return RemoteStore(url, scratch=scratch, options=self.options | options, retries=1)

    def requests(self, key):
        """What was asked about a key, in order."""
        entries = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [entry for entry in entries if entry["path"].endswith(f"/{key}")]


def s3_python():
    """The interpreter that has the server, or None."""
    own = Path(sys.prefix) / "s3-server" / "bin" / "python"
    return own if own.exists() else None


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory):
    """The server of the whole session."""
    python = s3_python()
    if python is None:
        pytest.skip("the S3 server for tests is not installed; `make setup` does it")
    log = tmp_path_factory.mktemp("s3") / "requests.jsonl"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    process = subprocess.Popen(
        [python, PROGRAM, log], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    )
    try:
        yield S3Server(json.loads(process.stdout.readline()), log)
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()
