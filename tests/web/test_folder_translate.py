"""Folders between the domain and the wire."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.folder import Breadcrumb, Folder, FolderDetail, Removal, RemovalMode
from calotype.web.apis.files.translate import folder as translate
from calotype.web.apis.files.wire import folder as wire
from tests.contracts import shapes
from tests.web.test_files_translate import MOMENTS, TEXTS

COUNTS = st.integers(0, 2**40)
FOLDERS = st.builds(
    Folder, st.uuids(), TEXTS, st.none() | st.uuids(), st.integers(0, 10), COUNTS, COUNTS, MOMENTS, MOMENTS
)
STEPS = st.builds(Breadcrumb, st.uuids(), TEXTS, st.integers(0, 10))


def on_wire(model):
    """A model as a client reads it."""
    return json.loads(model.model_dump_json())


@given(st.lists(FOLDERS, max_size=4))
def test_folders_keep_order_and_values(folders):
    """Each key holds what the domain has, and there is no other key."""
    body = on_wire(translate.folders_to_wire(folders))
    shapes.conforms(body, shapes.FOLDERS)
    assert [item["id"] for item in body["folders"]] == [str(folder.id) for folder in folders]
    for item, folder in zip(body["folders"], folders, strict=True):
        assert item["parent_id"] == (str(folder.parent_id) if folder.parent_id else None)
        assert (item["name"], item["depth"]) == (folder.name, folder.depth)
        assert (item["file_count"], item["subfolder_count"]) == (folder.file_count, folder.subfolder_count)


@given(
    FOLDERS, st.lists(STEPS, max_size=3), st.lists(FOLDERS, max_size=3), st.integers(1, 100), st.integers(0, 2**63 - 1)
)
def test_a_window_says_whether_files_follow(folder, steps, subfolders, limit, offset):
    """`has_more_files` is offset + limit < total_files, for any numbers."""
    detail = FolderDetail(folder, tuple(steps), tuple(subfolders))
    body = on_wire(translate.detail_to_wire(detail, wire.FolderQuery(limit=limit, offset=offset)))
    shapes.conforms(body, shapes.FOLDER_CONTENTS)
    assert body["total_files"] == body["folder"]["file_count"] == folder.file_count
    assert body["has_more_files"] == (offset + limit < folder.file_count)
    assert body["breadcrumbs"] == on_wire(translate.breadcrumbs_to_wire(steps))["breadcrumbs"]


@given(st.uuids(), COUNTS, COUNTS, st.sampled_from(["move_to_parent", "delete_all"]))
def test_a_removal_tells_its_mode_and_counts(folder_id, files, subfolders, mode):
    """And every mode of the wire is one of the domain."""
    query = wire.RemoveFolderQuery(mode=mode)
    body = on_wire(translate.removal_to_wire(folder_id, Removal(files, subfolders), query))
    expected = {"id": str(folder_id), "files_affected": files, "subfolders_affected": subfolders, "mode": mode}
    assert body == expected
    assert RemovalMode(mode).value == mode
