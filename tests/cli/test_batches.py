"""`calotype batches`: listing, closing and exporting what devices have sent, never half."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
import sys
import zipfile

import psycopg
import pytest

from tests.cli.fleet import added, sent
from tests.running import PATIENCE, wait_for

TENANT = ("--tenant", "harbour")
PICTURES = 3
LABELS = {"coco": "annotations/instances_default.json", "yolo": "data.yaml", "jsonl": "metadata.jsonl"}


@pytest.fixture(scope="module", autouse=True)
def tenant(calotype, running):
    """A tenant whose batches these are."""
    assert calotype("keys", "create", "x", *TENANT).returncode == 0


@pytest.fixture(scope="module")
def batch(calotype, running):
    """A batch of three images, still open; its id."""
    _, key = added(calotype, "exported", *TENANT)
    return sent(running, key, PICTURES)


@pytest.fixture
def camera(calotype, running, request):
    """A device of its own with its key."""
    return added(calotype, request.node.name[:200], *TENANT)


def names_in(folder):
    """The names of what lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def listed(calotype, *arguments):
    """The batches that a list tells programs of."""
    done = calotype("batches", "list", *TENANT, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_batches_are_listed_by_device_and_state_and_closed_once(calotype, running, camera):
    """For people and for programs; closing again is the same, and the next image opens another batch."""
    device, key = camera
    first = sent(running, key, 2)
    done = calotype("batches", "close", first, *TENANT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"closed {first} with 2 images\n")
    again = calotype("batches", "close", first.removeprefix("batch_"), *TENANT)
    assert (again.returncode, again.stderr) == (0, done.stderr)
    second = sent(running, key)

    found = listed(calotype, "--device", device)
    told = [(one["id"], one["device_id"], one["status"], one["image_count"]) for one in found["batches"]]
    assert told == [(second, device, "collecting", 1), (first, device, "closed", 2)]
    assert found["total"] == 2
    assert [one["closed_at"] is None for one in found["batches"]] == [True, False]
    for status, expected in (("closed", first), ("collecting", second)):
        named = listed(calotype, "--device", device.removeprefix("dev_"), "--status", status)["batches"]
        assert [one["id"] for one in named] == [expected]

    table = calotype("batches", "list", *TENANT, "--device", device, "--limit", "1").stdout.splitlines()
    (line,) = [line for line in table if "batch_" in line]
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    assert cells[:4] + cells[5:] == [second, device, "collecting", "1", "-"]
    assert table[-1] == "1 of 2 batches"


@pytest.mark.parametrize("name", LABELS)
def test_an_export_is_a_good_zip_of_images_and_labels(calotype, batch, tmp_path, name):
    """Its path is all that is printed; nothing else is left in the folder."""
    path = tmp_path / "set.zip"

    done = calotype("batches", "export", batch, *TENANT, "--format", name, "--output", str(path))

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{path}\n", "")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert LABELS[name] in names
    assert sum(entry.startswith("images/") for entry in names) == PICTURES
    assert names_in(tmp_path) == ["set.zip"]


def test_an_export_takes_its_name_from_the_batch_where_none_is_given(calotype, batch, tmp_path):
    """In the working folder, or in the one that is named; COCO is the format."""
    environment = calotype.environment()
    done = subprocess.run(
        [sys.executable, "-m", "calotype", "batches", "export", batch.removeprefix("batch_"), *TENANT],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.stdout == f"{batch}_coco.zip\n"
    assert zipfile.ZipFile(tmp_path / f"{batch}_coco.zip").testzip() is None

    (tmp_path / "sets").mkdir()
    done = calotype("batches", "export", batch, *TENANT, "--format", "yolo", "-o", str(tmp_path / "sets"))
    assert done.stdout == f"{tmp_path}/sets/{batch}_yolo.zip\n"


def test_an_export_goes_to_standard_output_for_a_dash(calotype, batch):
    """The bytes are those of the file, and nothing else is said; a reader that goes away ends it without a trace."""
    command = [sys.executable, "-m", "calotype", "batches", "export", batch, *TENANT, "--output", "-"]
    done = subprocess.run(
        command, env=calotype.environment(), capture_output=True, check=True, timeout=PATIENCE
    )  # fmt: skip
    archive = zipfile.ZipFile(io.BytesIO(done.stdout))
    assert archive.testzip() is None
    assert LABELS["coco"] in archive.namelist()
    assert done.stderr == b""

    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command, env=calotype.environment(), stdout=writer, stderr=subprocess.PIPE, check=False, timeout=PATIENCE
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_progress_is_shown_on_a_terminal_only_and_bytes_never(calotype, batch, tmp_path):
    """On a terminal there is a bar; there the ZIP file itself is refused."""
    main, terminal = pty.openpty()
    command = [sys.executable, "-m", "calotype", "batches", "export", batch, *TENANT]
    process = subprocess.Popen(
        [*command, "-o", str(tmp_path)],
        env={**calotype.environment(), "TERM": "xterm"}, stdout=subprocess.PIPE, stderr=terminal,
    )  # fmt: skip
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert output.decode() == f"{tmp_path}/{batch}_coco.zip\n"
    assert b"exporting" in os.read(main, 65536)

    process = subprocess.Popen(
        [*command, "-o", "-"], env=calotype.environment(), stdout=terminal, stderr=subprocess.PIPE, text=True
    )
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "terminal" in errors
    os.close(terminal)
    os.close(main)


def test_a_file_that_is_there_is_replaced_only_when_asked_to(calotype, batch, one_clear_line, tmp_path):
    """Otherwise it is left as it is, with status 1."""
    path = tmp_path / "set.zip"
    path.write_bytes(b"precious")

    done = calotype("batches", "export", batch, *TENANT, "-o", str(path))

    assert (done.returncode, done.stdout) == (1, "")
    assert one_clear_line(done.stderr)
    assert "--force" in done.stderr
    assert path.read_bytes() == b"precious"
    assert calotype("batches", "export", batch, *TENANT, "-o", str(path), "--force").returncode == 0
    assert zipfile.ZipFile(path).testzip() is None
    assert names_in(tmp_path) == ["set.zip"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_export_that_is_interrupted_leaves_nothing(calotype, batch, tmp_path, number):
    """Ctrl-C ends it with status 130; its beginning is gone, and an older file of that name was not touched."""
    path = tmp_path / "set.zip"
    path.write_bytes(b"precious")
    with psycopg.connect(calotype.database_url) as connection:
        # What is in the batch can be read, but not what was said of its images.
        connection.execute("LOCK TABLE custom_metadata IN ACCESS EXCLUSIVE MODE")
        process = calotype.start("batches", "export", batch, *TENANT, "-o", str(path), "--force")
        wait_for(lambda: len(names_in(tmp_path)) == 2, "the export did not begin")
        os.killpg(process.pid, number)
        output, errors = process.communicate(timeout=PATIENCE)

    assert (process.returncode, output, errors) == (130, "", "")
    assert names_in(tmp_path) == ["set.zip"]
    assert path.read_bytes() == b"precious"


UNKNOWN = "batch_6f1c9d1e-3f4b-4a57-9a52-0d9f3b7a1c10"


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("close", "first"), 1, "first"),
        (("close", UNKNOWN), 1, "--tenant"),
        (("close", UNKNOWN.replace("batch_", "dev_")), 1, "no id of a batch"),
        (("export", "first"), 1, "first"),
        (("export", UNKNOWN), 1, "--tenant"),
        (("export", UNKNOWN, "--format", "voc"), 2, "voc"),
        (("export", UNKNOWN, "--tenant", "nobody"), 1, "nobody"),
        (("list", "--tenant", "nobody"), 1, "nobody"),
        (("list", "--device", "nothing"), 1, "nothing"),
        (("list", "--status", "open"), 2, "open"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(calotype, one_clear_line, arguments, status, told):
    """Standard output stays empty."""
    owner = () if "--tenant" in arguments else TENANT
    done = calotype("batches", *arguments, *owner)
    assert (done.returncode, done.stdout) == (status, "")
    assert told in done.stderr
    assert status == 2 or one_clear_line(done.stderr)


def test_a_batch_of_another_tenant_is_not_there(calotype, batch, one_clear_line, tmp_path):
    """It is neither closed nor exported."""
    calotype("keys", "create", "x", "--tenant", "stranger")
    for command in (("close", batch), ("export", batch, "-o", str(tmp_path))):
        done = calotype("batches", *command, "--tenant", "stranger")
        assert (done.returncode, done.stdout) == (1, "")
        assert one_clear_line(done.stderr)
    assert names_in(tmp_path) == []
    assert batch in {one["id"] for one in listed(calotype, "--status", "collecting")["batches"]}


def test_a_place_that_cannot_be_written_to_is_told(calotype, batch, one_clear_line, tmp_path):
    """The folder is missing, or no more can be written, as on a full disk; nothing is left there."""
    missing = calotype("batches", "export", batch, *TENANT, "-o", str(tmp_path / "missing" / "set.zip"))
    command = [sys.executable, "-m", "calotype", "batches", "export", batch, *TENANT, "-o", str(tmp_path)]
    full = subprocess.run(
        ["bash", "-c", 'ulimit -f 1; exec "$@"', "-", *command],
        env=calotype.environment(), capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    for done in (missing, full):
        assert (done.returncode, done.stdout) == (1, "")
        assert one_clear_line(done.stderr), done.stderr
        assert "cannot be written" in done.stderr
    assert names_in(tmp_path) == []
