"""Where a command's bytes go: a file that has its name only once it is whole."""

from __future__ import annotations

import os

import pytest

from calotype.cli.output import WholeFile
from calotype.domain.errors import InvalidInput


def names_in(folder):
    """The names of what lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_whole_file_has_its_name_only_at_the_end(tmp_path):
    """Until then, and when something goes wrong, there is no file of that name, and at last no other one."""
    path = tmp_path / "set.zip"

    def write_half():
        with WholeFile(path, replaces=False) as file:
            file.write(b"half")
            assert not path.exists()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert names_in(tmp_path) == []

    with WholeFile(path, replaces=False) as file:
        file.write(b"all")
        assert not path.exists()
    assert (path.read_bytes(), names_in(tmp_path)) == (b"all", ["set.zip"])


def test_a_file_that_came_meanwhile_is_not_replaced(tmp_path):
    """Whoever made it wanted it."""
    path = tmp_path / "set.zip"

    def write():
        with WholeFile(path, replaces=False) as file:
            path.write_bytes(b"precious")
            file.write(b"all")

    with pytest.raises(InvalidInput, match="already"):
        write()
    assert (path.read_bytes(), names_in(tmp_path)) == (b"precious", ["set.zip"])


def test_a_link_is_followed_and_what_is_no_file_is_refused(tmp_path):
    """A device or a pipe must not be replaced by a file, least of all by root."""
    real, link, pipe = tmp_path / "real", tmp_path / "link", tmp_path / "pipe"
    real.write_bytes(b"old")
    link.symlink_to(real)
    os.mkfifo(pipe)
    with WholeFile(link, replaces=True) as file:
        file.write(b"new")
    assert (link.is_symlink(), real.read_bytes()) == (True, b"new")
    with pytest.raises(InvalidInput, match="no file"):
        WholeFile(pipe, replaces=True)
