"""Running commands as they stand on a page, with the `calotype` that is tested among them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from tests import forked
from tests.running import PATIENCE

_PATIENCE = 10 * PATIENCE  # a page has dozens of commands
# What the shell finds as `calotype`: it passes all it was given on, and ends as the command has ended.
_PROGRAM = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as door:
    door.connect({door!r})
    request = dict(arguments=sys.argv[1:], environment=dict(os.environ), folder=os.getcwd())
    socket.send_fds(door, [json.dumps(request).encode()], [1, 2])
    door.shutdown(socket.SHUT_WR)
    sys.exit(int(door.recv(100)))
"""


def run(script, folder, **environment):
    """Run a script for bash in a folder, with `calotype` in it; returns what it prints. Every command must succeed."""
    if shutil.which("curl") is None or shutil.which("bash") is None:
        pytest.skip("curl or bash is not installed")
    with _Calotype() as programs:
        path = f"{programs}{os.pathsep}{environment['PATH']}"
        command = ["bash", "-e", "-o", "pipefail", "-c", script]
        return run_program(command, folder, **{**environment, "PATH": path})


def run_program(arguments, folder, **environment):
    """Run a program in a folder, without proxies; returns what it prints."""
    kept = {name: value for name, value in environment.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        arguments, capture_output=True, timeout=_PATIENCE, check=False, text=True, cwd=folder, env=kept
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


class _Calotype:
    """While it is open, a folder with the program `calotype`, forked like the commands of other tests: pages have dozens."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="calotype-shell-")
        door = Path(self._folder.name) / "door"
        program = Path(self._folder.name) / "calotype"
        program.write_text(_PROGRAM.format(python=sys.executable, door=str(door)))
        program.chmod(0o755)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(door))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self._folder.name

    def __exit__(self, kind, error, trace):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        self._folder.cleanup()

    def _serve(self):
        while True:
            try:
                door, _ = self._listener.accept()
            except OSError:
                return
            with door:
                text, outputs, _, _ = socket.recv_fds(door, 1_000_000, 2)
                while more := door.recv(1_000_000):
                    text += more
                try:
                    request = json.loads(text)
                    begun = forked.start(request["arguments"], request["environment"], *outputs, request["folder"])
                finally:
                    for output in outputs:
                        os.close(output)
                door.sendall(str(begun.wait(PATIENCE)).encode())
