"""`calotype import` of documents: they come in beside pictures, and what is none is told apart from what is broken."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from tests.cli.test_import import photo

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
OLE = bytes.fromhex("d0cf11e0a1b11ae1")
TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)
BODY = (
    '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r>'
    "<w:t>Hello</w:t></w:r></w:p></w:body></w:document>"
)


def zipped(**parts):
    """A ZIP of parts, whose names have `/` and `.` for `__` and `_`."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), text)
    return stream.getvalue()


def docx(body=BODY):
    """A Word document."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr("word/document.xml", body)
    return stream.getvalue()


@pytest.fixture
def owner(calotype, request):
    """A tenant of the test's own."""
    assert calotype("keys", "create", "test", "--tenant", request.node.name).returncode == 0
    return request.node.name


@pytest.fixture
def folder(tmp_path):
    """A folder with all kinds of files in it."""
    files = {
        "paper.pdf": PDF,
        "letter.docx": docx(),
        "notes.md": b"# Notes",
        "latin.TXT": "Stra\u00dfe".encode("latin-1"),
        "photo.jpg": photo(),
        "~$letter.docx": b"\x05Owner" + bytes(156),
        "locked.docx": OLE + bytes(600) + "EncryptedPackage".encode("utf-16-le"),
        "old.doc": OLE + bytes(600),
        "backup.zip": zipped(a_jpg="x"),
        "sheet.xlsx": zipped(xl__workbook_xml="<x/>"),
        "binary.txt": bytes(range(256)),
        "bomb.docx": docx(BODY + " " * 30_000_000),
        "entities.docx": docx('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + BODY),
        "empty.txt": b"",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_documents_come_in_and_what_is_none_is_told_apart_from_what_is_broken(calotype, owner, folder):
    """Bombs and empty files fail; archives, lock files and binaries are left out; a note tells what could be sent otherwise."""
    done = calotype("import", str(folder), "--tenant", owner, "--json")

    summary = json.loads(done.stdout)
    failures = {Path(each["path"]).name: each["reason"] for each in summary["failures"]}
    notes = {Path(each["path"]).name: each["note"] for each in summary["notes"]}
    assert failures.keys() == {"bomb.docx", "entities.docx", "empty.txt"}, done.stderr
    assert all(failures.values())
    assert notes.keys() == {"locked.docx", "old.doc"}
    assert "password" in notes["locked.docx"]
    assert ".docx" in notes["old.doc"]
    assert (summary["imported"], summary["failed"], summary["ignored"]) == (5, 3, 6)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    of_owner = "(SELECT id FROM tenant WHERE name = %s)"
    rows = f"SELECT original_filename, media_type, text_status FROM asset WHERE tenant_id = {of_owner}"
    assert sorted(calotype.sql(rows, owner)) == [
        ("latin.TXT", "document", "pending"),
        ("letter.docx", "document", "pending"),
        ("notes.md", "document", "pending"),
        ("paper.pdf", "document", "pending"),
        ("photo.jpg", "image", None),
    ]
    queued = f"SELECT count(*) FROM procrastinate_jobs WHERE args->>'tenant_id' = {of_owner}::text"
    assert calotype.sql(queued, owner) == [(5,)]


def test_documents_can_be_left_out_or_taken_alone(calotype, owner, folder):
    """`--only` counts the others as ignored, and what it leaves out of documents tells no notes."""
    for name in ("bomb.docx", "entities.docx", "empty.txt"):
        (folder / name).unlink()
    arguments = ("import", str(folder), "--tenant", owner, "--json")
    counts = []
    for only in ("images,videos", "documents"):
        done = calotype(*arguments, "--only", only)
        assert done.returncode == 0, done.stderr
        summary = json.loads(done.stdout)
        counts.append((summary["imported"], summary["ignored"], len(summary["notes"])))
    assert counts == [(1, 10, 0), (4, 7, 2)]


def test_limits_are_told(calotype, owner, folder):
    """A document above its limit fails with the number, and an archive of any size is left alone."""
    (folder / "backup.zip").write_bytes(zipped(a_jpg="x") + bytes(3_000_000))
    (folder / "long.txt").write_bytes(b"words " * 400_000)
    arguments = ("import", str(folder / "backup.zip"), str(folder / "long.txt"), "--tenant", owner, "--json")
    limits = {
        "CALOTYPE_MAX_DOCUMENT_BYTES": "2000000",
        "CALOTYPE_MAX_IMAGE_BYTES": "1000000",
        "CALOTYPE_MAX_VIDEO_BYTES": "2000000",
    }
    summary = json.loads(calotype(*arguments, **limits).stdout)
    assert (summary["failed"], summary["ignored"]) == (1, 1)
    assert "2000000 bytes" in summary["failures"][0]["reason"]
