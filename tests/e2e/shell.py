"""Running commands as they stand on a page, with the `calotype` that is tested among them."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.running import PATIENCE


def run(script, folder, **environment):
    """Run a script for bash in a folder, with `calotype` in it; returns what it prints."""
    if shutil.which("curl") is None or shutil.which("bash") is None:
        pytest.skip("curl or bash is not installed")
    command = f'calotype() {{ "{sys.executable}" -m calotype "$@"; }}\n'
    return run_program(["bash", "-e", "-o", "pipefail", "-c", command + script], folder, **environment)


def run_program(arguments, folder, **environment):
    """Run a program in a folder, without proxies; returns what it prints."""
    kept = {name: value for name, value in environment.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        arguments, capture_output=True, timeout=PATIENCE, check=False, text=True, cwd=folder, env=kept
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
