"""What a person can mend is told in one clear line."""

from __future__ import annotations

import socket

import pytest

import calotype as package
from tests.running import new_migrated_database


def test_the_version_is_shown(calotype):
    """`calotype --version` prints name and version, and touches nothing."""
    done = calotype("--version", CALOTYPE_PORT="nonsense")

    assert (done.returncode, done.stdout) == (0, f"calotype {package.__version__}\n")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"CALOTYPE_PORT": "http"}, ["CALOTYPE_PORT", "integer"]),
        ({"CALOTYPE_TRASH_DAYS": "-1"}, ["CALOTYPE_TRASH_DAYS", "greater"]),
        ({"CALOTYPE_LOG_LEVEL": "loud"}, ["CALOTYPE_LOG_LEVEL"]),
    ],
)
def test_a_bad_setting_is_named_in_one_line(calotype, one_clear_line, settings, told):
    """The status is 2, and the value that was expected is told."""
    done = calotype("serve", **settings)

    assert done.returncode == 2
    assert one_clear_line(done.stderr)
    assert all(word in done.stderr for word in told)


def test_several_bad_settings_are_all_named(calotype):
    """Nobody has to mend them one start at a time."""
    done = calotype("worker", CALOTYPE_PORT="http", CALOTYPE_RATE_LIMIT="0")

    assert done.returncode == 2
    assert "CALOTYPE_PORT" in done.stderr
    assert "CALOTYPE_RATE_LIMIT" in done.stderr
    assert done.stderr.count("\n") == 2


@pytest.mark.parametrize(
    ("command", "settings", "told"),
    [
        (("serve",), {"CALOTYPE_DATABASE_URL": "mysql://me:secret@db/x"}, "CALOTYPE_DATABASE_URL"),
        (("worker",), {"CALOTYPE_DATABASE_URL": "postgresql://me:secret@127.0.0.1:1/x"}, "cannot be reached"),
        (("serve",), {"CALOTYPE_STORAGE_URL": "ftp://somewhere"}, "CALOTYPE_STORAGE_URL"),
        (("keys", "list"), {"CALOTYPE_STORAGE_URL": "ftp://somewhere"}, "CALOTYPE_STORAGE_URL"),
        (("serve",), {"CALOTYPE_FETCH_ALLOW": "nas.lan,10.0.0.1/8"}, "CALOTYPE_FETCH_ALLOW"),
        (("keys", "list"), {"CALOTYPE_FETCH_ALLOW": "nas.lan:80"}, "'nas.lan:80'"),
        (("serve",), {"CALOTYPE_VISION_URL": "http://127.0.0.1:11434/v1"}, "CALOTYPE_VISION_MODEL"),
        (("serve",), {"CALOTYPE_VISION_URL": "http://a:secret@b", "CALOTYPE_VISION_MODEL": "m"}, "CALOTYPE_VISION_URL"),
        (("serve",), {"CALOTYPE_SPEECH_MODEL": "large-v3"}, "CALOTYPE_SPEECH_MODEL"),
        (("worker",), {"CALOTYPE_SPEECH_URL": "ftp://b/secret", "CALOTYPE_SPEECH_MODEL": "m"}, "CALOTYPE_SPEECH_URL"),
        (("worker",), {"CALOTYPE_VISION_URL": "ftp://b/secret", "CALOTYPE_VISION_MODEL": "m"}, "CALOTYPE_VISION_URL"),
        (("serve",), {"CALOTYPE_DATA_DIR": __file__}, "CALOTYPE_DATA_DIR"),
    ],
)
def test_what_is_not_there_is_told_in_one_line_with_what_to_do(calotype, one_clear_line, command, settings, told):
    """The status is 1; no password is shown."""
    done = calotype(*command, **settings)

    assert done.returncode == 1
    assert one_clear_line(done.stderr), done.stderr
    assert told in done.stderr
    assert "secret" not in done.stderr


def test_a_setting_that_does_not_exist_is_told_with_the_one_it_looks_like(calotype, one_clear_line):
    """It has no effect, and the command goes on; what only begins alike, as a container's own variables do, is passed over."""
    done = calotype(
        "keys", "list", CALOTYPE_STORAG_URL="ftp://somewhere", CALOTYPE_PORT_8484_TCP_PORT="1", CALOTYPE_X=""
    )

    assert done.returncode == 0
    assert one_clear_line(done.stderr), done.stderr
    assert "CALOTYPE_STORAG_URL" in done.stderr
    assert "CALOTYPE_STORAGE_URL" in done.stderr


def test_who_is_in_the_wrong_folder_learns_that_a_new_library_is_made(calotype, tmp_path):
    """The folder is named, once; a complaint that follows from its emptiness is no riddle then."""
    folder = tmp_path / "elsewhere"
    there = {"CALOTYPE_DATABASE_URL": "", "CALOTYPE_DATA_DIR": str(folder)}

    first, second = (calotype("devices", "add", "gate", **there) for _ in range(2))

    assert (first.returncode, second.returncode) == (1, 1)
    assert str(folder) in first.stderr.splitlines()[0]
    assert first.stderr.splitlines()[1:] == second.stderr.splitlines()


def test_a_port_that_is_taken_is_told_before_anything_is_started(calotype, one_clear_line, tmp_path):
    """Not even the data folder is made then."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])

        done = calotype("serve", CALOTYPE_PORT=port, CALOTYPE_DATA_DIR=str(tmp_path / "data"))

    assert done.returncode == 1
    assert one_clear_line(done.stderr)
    assert port in done.stderr
    assert "CALOTYPE_PORT" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_database_of_a_newer_version_is_left_alone(calotype, one_clear_line, database_url):
    """An old program must not guess what a newer one has made."""
    url = new_migrated_database(database_url)
    newer = type(calotype)(calotype.data_dir.parent, url)
    newer.sql("UPDATE alembic_version SET version_num = '9999'")

    done = newer("keys", "list")

    assert done.returncode == 1
    assert one_clear_line(done.stderr), done.stderr
    assert "another version" in done.stderr
    assert newer.sql("SELECT version_num FROM alembic_version") == [("9999",)]
