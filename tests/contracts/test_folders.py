"""Folders, a request at a time: section 8, point 36 of the checklist."""

from __future__ import annotations

import unicodedata
from uuid import uuid4

import pytest

from tests.contracts.folders import FILES, URL, Tree
from tests.contracts.shapes import DETAIL, FOLDER, expect, expect_error

NOBODY = "6f0c5d0e-2c55-4d0b-9d5e-0f6a3b9f7a11"


@pytest.fixture
def client(idle_client):
    """A client of a new tenant, on a server that makes nothing of the files, which only lie in their folders."""
    return idle_client


@pytest.fixture
def tree(client):
    """The folders of a new tenant."""
    return Tree(client)


def refuse(answer, status):
    """The answer is that refusal, with its own code."""
    code = {404: "NOT_FOUND", 409: "CONFLICT", 422: "VALIDATION_ERROR"}[status]
    return expect_error(answer, status, code)


# ----------------------------------------------------------------------- names


def test_a_new_folder_is_empty_and_at_the_root_unless_a_parent_is_named(client, tree):
    """201 with the whole folder; its depth follows from its parent; null and absent parents are the same."""
    outer = expect(client.post(URL, json={"name": "Harbour", "parent_id": None, "more": 1}), FOLDER, 201)
    assert (outer["parent_id"], outer["depth"], outer["file_count"], outer["subfolder_count"]) == (None, 0, 0, 0)
    assert outer["created_at"] == outer["updated_at"]
    inner = expect(client.post(URL, json={"name": "Pier", "parent_id": outer["id"].upper()}), FOLDER, 201)
    assert (inner["parent_id"], inner["depth"]) == (outer["id"], 1)
    assert expect(client.post(URL, json={"name": "Fog"}), FOLDER, 201)["parent_id"] is None
    assert tree.folder(inner["id"]) == inner
    assert tree.paths() == {"Fog": (0, 0), "Harbour": (0, 1), "Harbour/Pier": (0, 0)}


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("  Trips\t", "Trips"),
        ("x" * 255, "x" * 255),
        (" " + "😀" * 255 + " ", "😀" * 255),
        ("e\u0301" * 255, "é" * 255),
        ("\ud55c\uae00", "한글"),
        (unicodedata.normalize("NFD", "한글"), "한글"),
        ("..", ".."),
        ("a b.c'\"%_*?<>|:;", "a b.c'\"%_*?<>|:;"),
        ("👩‍👩‍👧 \u202eabc", "👩‍👩‍👧 \u202eabc"),
    ],
)
def test_names_are_trimmed_and_composed(client, tree, name, stored):
    """What is stored is the trimmed name in NFC, and its length is counted after both."""
    made = expect(client.post(URL, json={"name": name}), FOLDER, 201)
    assert made["name"] == stored
    other = tree.make("other")
    tree.rename(made["id"], "free")
    assert tree.rename(other, name)["name"] == stored


@pytest.mark.parametrize(
    "name",
    ["", "  \t\n", "x" * 256, "a/b", "/", "a\\b", "a\nb", "a\tb", "a\0b", "a\x1fb", "a\x7fb", "a\x85b", None, 5, ["a"]],
)
def test_names_that_break_the_rules_are_refused(client, tree, name):
    """422 that names the field, when a folder is made and when it is renamed; nothing has changed."""
    folder = tree.make("before")
    for answer in (client.post(URL, json={"name": name}), client.patch(f"{URL}/{folder}", json={"name": name})):
        refuse(answer, 422)
        assert answer.json()["error"]["details"]["field"] == "body.name"
    assert [found["name"] for found in tree.all()] == ["before"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"a"', b"{}", b'{"name": "\\ud800"}'])
def test_bodies_that_are_no_object_with_a_name_are_refused(client, tree, body):
    """422, as on every JSON route."""
    folder = tree.make("a")
    headers = {"Content-Type": "application/json"}
    refuse(client.post(URL, content=body, headers=headers), 422)
    refuse(client.patch(f"{URL}/{folder}", content=body, headers=headers), 422)


def test_siblings_have_distinct_names(client, tree):
    """409 for a name that is taken beside it, compared exactly after NFC; elsewhere and in another case it is free."""
    outer = tree.make("Café")
    for name in ("Café", " Café ", "Cafe\u0301"):
        refuse(client.post(URL, json={"name": name}), 409)
    tree.make("café")
    inner = tree.make("Café", outer)
    refuse(client.post(URL, json={"name": "Café", "parent_id": outer}), 409)
    tree.make("Café", inner)
    beside = tree.make("beside", outer)
    refuse(client.patch(f"{URL}/{beside}", json={"name": "Cafe\u0301"}), 409)
    assert tree.folder(beside)["name"] == "beside"


def test_a_new_name_moves_updated_at_and_the_same_name_does_not(tree):
    """PATCH answers the folder; its own name, however it is written, is a no-op."""
    folder = tree.make("Café")
    before = tree.folder(folder)
    for same in ("Café", " Cafe\u0301"):
        assert tree.rename(folder, same) == before
    after = tree.rename(folder, "Cafés")
    assert after == before | {"name": "Cafés", "updated_at": after["updated_at"]} == tree.folder(folder)
    assert after["updated_at"] > before["updated_at"]


# ------------------------------------------------------------------- the tree


def test_unknown_folders_are_404_and_other_syntax_is_422(client, tree):
    """On every route with an id, for a parent and a target as well; nothing has changed."""
    folder = tree.make("a")
    file = tree.files()[0]
    for bad, status in ((NOBODY, 404), ("abc", 422), (NOBODY[:8], 422)):
        url = f"{URL}/{bad}"
        refuse(client.get(url), status)
        refuse(client.get(f"{url}/breadcrumbs"), status)
        refuse(client.patch(url, json={"name": "b"}), status)
        refuse(client.post(f"{url}/move", json={}), status)
        refuse(client.delete(url), status)
        refuse(client.delete(url, params={"mode": "delete_all"}), status)
        refuse(client.post(URL, json={"name": "b", "parent_id": bad}), status)
        refuse(client.post(f"{URL}/{folder}/move", json={"new_parent_id": bad}), status)
        refuse(client.post(f"{URL}/move-files", json={"file_ids": [file], "folder_id": bad}), status)
    assert tree.paths() == {"a": (0, 0)}
    assert tree.place(file) is None


def test_no_folder_lies_deeper_than_ten(client, tree):
    """Depth 10 can be had and depth 11 cannot, whether by making or by moving what has something below."""
    chain = tree.chain(11)
    assert tree.folder(chain[10])["depth"] == 10
    refuse(client.post(URL, json={"name": "too deep", "parent_id": chain[10]}), 422)
    short = tree.chain(3, "short")
    refuse(client.post(f"{URL}/{short[0]}/move", json={"new_parent_id": chain[8]}), 422)
    assert tree.folder(short[0])["depth"] == 0
    assert tree.move(short[0], chain[7])["depth"] == 8
    assert [tree.folder(folder)["depth"] for folder in short] == [8, 9, 10]


def test_a_folder_moves_with_all_below_it(tree):
    """The answer has the new parent and depth, depths and ways of all below follow, counts of both parents too."""
    a, b, c = tree.chain(3)
    target = tree.make("target")
    (file,) = tree.files(1, c)
    before = tree.folder(b)
    moved = tree.move(b, target)
    assert moved == before | {"parent_id": target, "depth": 1, "updated_at": moved["updated_at"]}
    assert moved["updated_at"] > before["updated_at"]
    assert tree.paths() == {
        "level 0": (0, 0),
        "target": (0, 1),
        "target/level 1": (0, 1),
        "target/level 1/level 2": (1, 0),
    }
    root = tree.move(b, None)
    assert (root["parent_id"], root["depth"]) == (None, 0)
    assert tree.folder(c)["depth"] == 1
    assert tree.place(file) == c
    assert tree.folder(a)["subfolder_count"] == 0


def test_an_absent_parent_is_the_root_and_the_present_one_changes_nothing(client, tree):
    """`{}` and null mean the root; a folder moved to where it is answers 200 as it was."""
    outer, inner = tree.chain(2)
    before = tree.folder(inner)
    assert tree.move(inner, outer) == before
    moved = expect(client.post(f"{URL}/{inner}/move", json={}), FOLDER)
    assert (moved["parent_id"], moved["depth"]) == (None, 0)
    assert tree.move(inner, None) == moved
    refuse(client.post(f"{URL}/{inner}/move"), 422)


def test_a_folder_cannot_be_moved_into_itself_or_where_its_name_is_taken(client, tree):
    """422 for itself and every descendant, 409 for a name that is there; nothing has changed."""
    chain = tree.chain(4)
    other = tree.make("level 1")
    before = tree.paths()
    for inside in chain:
        refuse(client.post(f"{URL}/{chain[0]}/move", json={"new_parent_id": inside}), 422)
    refuse(client.post(f"{URL}/{chain[1]}/move", json={}), 409)
    refuse(client.post(f"{URL}/{other}/move", json={"new_parent_id": chain[0]}), 409)
    assert tree.paths() == before


def test_folders_are_listed_flat_by_depth_then_name(tree):
    """All of them in one answer: upper levels first, then by code points."""
    names = ["b", "a", "B", "é", "z", "10", "9", "東"]
    made = {name: tree.make(name) for name in names}
    for name in ("y", "x", "Z"):
        tree.make(name, made["z"])
    tree.make("w", made["a"])
    found = [(folder["depth"], folder["name"]) for folder in tree.all()]
    assert found == sorted((0, name) for name in names) + sorted((1, name) for name in ("y", "x", "Z", "w"))


def test_a_folder_is_shown_with_its_way_and_what_is_directly_inside(client, tree):
    """Direct subfolders only, by name, each with its own counts; files as numbers that limit and offset are held against."""
    outer, inner, innermost = tree.chain(3)
    second = tree.make("a second", outer)
    tree.files(3, inner)
    tree.files(1, outer)
    found = tree.contents(outer)
    assert [folder["id"] for folder in found["subfolders"]] == [second, inner]
    assert [folder["file_count"] for folder in found["subfolders"]] == [0, 3]
    assert (found["folder"]["file_count"], found["total_files"], found["has_more_files"]) == (1, 1, False)
    assert tree.path(innermost) == ["level 0", "level 1", "level 2"]
    for query, more in (
        ({"limit": 2}, True),
        ({"limit": 3}, False),
        ({"limit": 2, "offset": 1}, False),
        ({"limit": "1", "offset": 1}, True),
        ({"offset": 2**62}, False),
    ):
        found = tree.contents(inner, **query)
        assert (found["total_files"], found["has_more_files"]) == (3, more), query
    for query in ({"limit": 0}, {"limit": 101}, {"offset": -1}, {"limit": "x"}):
        refuse(client.get(f"{URL}/{outer}", params=query), 422)


# ------------------------------------------------------------------------ files


def test_uploads_land_at_the_root_and_files_are_moved_into_folders(client, tree):
    """Detail, listing and counts follow at once, and `updated_at` moves with the file."""
    first, second = tree.make("first"), tree.make("second")
    files = tree.files(3)
    assert {tree.place(file) for file in files} == {None}
    before = expect(client.get(f"{FILES}/{files[0]}"), DETAIL)["updated_at"]
    assert tree.put(files[:2], first) == 2
    assert tree.listed(folder_id=first) == set(files[:2])
    assert tree.listed(folder_id=first.upper()) == set(files[:2])
    assert tree.put([files[0]], second) == 1
    after = expect(client.get(f"{FILES}/{files[0]}"), DETAIL)
    assert after["folder_id"] == second
    assert after["updated_at"] > before
    assert [tree.folder(folder)["file_count"] for folder in (first, second)] == [1, 1]
    body = {"file_ids": [files[0]]}
    assert client.post(f"{URL}/move-files", json=body).json() == {"moved": 1, "total_requested": 1}
    assert tree.place(files[0]) is None
    assert tree.listed(folder_id=second) == set()


def test_moved_counts_distinct_live_files_that_are_in_the_target_now(client, tree, new_client):
    """Unknown, deleted and foreign files are passed over; repeats count once; those that were there before count too."""
    folder = tree.make("a")
    there, new, deleted = tree.files(3)
    tree.put([there], folder)
    before = expect(client.get(f"{FILES}/{there}"), DETAIL)["updated_at"]
    client.delete(f"{FILES}/{deleted}")
    (foreign,) = Tree(new_client()).files()
    sent = [there, new, new.upper(), new, deleted, foreign, str(uuid4())]
    assert tree.put(sent, folder) == 2
    assert tree.listed(folder_id=folder) == {there, new}
    assert expect(client.get(f"{FILES}/{there}"), DETAIL)["updated_at"] == before
    assert tree.put([deleted, foreign], None) == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"file_ids": []},
        {"file_ids": ["abc"]},
        {"file_ids": [NOBODY] * 101},
        {"file_ids": NOBODY},
        {"file_ids": None},
        {"file_ids": [NOBODY], "folder_id": 5},
    ],
)
def test_what_is_no_list_of_1_to_100_ids_is_refused(client, tree, body):
    """422 and nothing moves; exactly 100 are accepted."""
    refuse(client.post(f"{URL}/move-files", json=body), 422)
    assert tree.put([str(uuid4()) for _ in range(100)], None) == 0


def test_deleted_files_leave_the_counts_and_return_into_their_folder(client, tree):
    """The trash is not counted; what is restored is, in the folder it lay in."""
    folder = tree.make("a")
    kept, gone = tree.files(2, folder)
    client.delete(f"{FILES}/{gone}")
    assert tree.folder(folder)["file_count"] == 1
    assert tree.listed(folder_id=folder, trashed="true") == {gone}
    client.post(f"{FILES}/{gone}/restore")
    assert tree.folder(folder)["file_count"] == 2
    assert tree.listed(folder_id=folder) == {kept, gone}


def test_batch_delete_leaves_the_counts_too(client, tree):
    """What goes to the trash in a batch is not counted any more."""
    folder = tree.make("a")
    files = tree.files(2, folder)
    for file in files:
        expect(client.get(f"{FILES}/{file}"), DETAIL)
    gone = client.post(f"{FILES}/batch-delete", json={"file_ids": files}).json()["deleted"]
    assert tree.folder(folder)["file_count"] == 2 - len(gone)


# ---------------------------------------------------------------------- removal


@pytest.mark.parametrize("mode", [None, "move_to_parent"])
def test_contents_of_a_removed_folder_go_up_one_level(client, tree, mode):
    """Direct files and subfolders are counted and moved, what is deeper comes along; this is also the default."""
    outer, middle, inner, innermost = tree.chain(4)
    beside = tree.make("beside", middle)
    direct = tree.files(2, middle)
    deeper = tree.files(1, innermost)
    (trashed,) = tree.files(1, middle)
    client.delete(f"{FILES}/{trashed}")
    before = {folder: tree.folder(folder)["updated_at"] for folder in (inner, innermost)}

    assert tree.remove(middle, mode) == (2, 2)

    refuse(client.get(f"{URL}/{middle}"), 404)
    assert tree.paths() == {
        "level 0": (2, 2),
        "level 0/beside": (0, 0),
        "level 0/level 2": (0, 1),
        "level 0/level 2/level 3": (1, 0),
    }
    assert tree.listed(folder_id=outer) == set(direct)
    assert [tree.place(file) for file in deeper] == [innermost]
    assert tree.folder(beside)["parent_id"] == outer
    assert tree.folder(inner)["updated_at"] > before[inner]
    assert tree.folder(innermost)["updated_at"] == before[innermost]
    assert client.post(f"{FILES}/{trashed}/restore").status_code == 200
    assert tree.place(trashed) is None, "the folder it lay in is gone"


def test_contents_of_a_folder_at_the_root_go_to_the_root(tree):
    """One level up from there is no folder at all."""
    outer, inner = tree.chain(2)
    (file,) = tree.files(1, outer)
    assert tree.remove(outer) == (1, 1)
    assert tree.place(file) is None
    assert tree.paths() == {"level 1": (0, 0)}
    assert tree.folder(inner)["parent_id"] is None


def test_a_clash_of_names_one_level_up_changes_nothing(client, tree):
    """409, and files and subfolders are where they were."""
    outer = tree.make("outer")
    inner = tree.make("inner", outer)
    tree.make("taken", inner)
    tree.make("free", inner)
    tree.make("taken", outer)
    tree.files(1, inner)
    before = tree.paths()
    message = refuse(client.delete(f"{URL}/{inner}"), 409)
    assert "taken" in message
    assert tree.paths() == before
    assert client.delete(f"{URL}/{inner}", params={"mode": "delete_all"}).status_code == 200


def test_a_subfolder_may_take_the_name_of_the_folder_it_comes_out_of(tree):
    """`a/a` without the outer one is `a`: the name is free by then."""
    outer = tree.make("a")
    inner = tree.make("a", outer)
    assert tree.remove(outer) == (0, 1)
    assert tree.paths() == {"a": (0, 0)}
    assert tree.folder(inner)["depth"] == 0


def test_a_folder_is_deleted_with_everything_below(client, tree):
    """Folders are gone, the files of the whole subtree are in the trash, counts cover both; restored ones are at the root."""
    outer, middle, inner = tree.chain(3)
    beside = tree.make("beside", middle)
    direct, deep = tree.files(2, middle), tree.files(1, inner)
    kept = tree.files(1, outer)
    (earlier,) = tree.files(1, inner)
    client.delete(f"{FILES}/{earlier}")

    assert tree.remove(middle, "delete_all") == (3, 2)

    for gone in (middle, inner, beside):
        refuse(client.get(f"{URL}/{gone}"), 404)
    assert tree.paths() == {"level 0": (1, 0)}
    assert tree.listed() == set(kept)
    assert tree.listed(trashed="true") == {*direct, *deep, earlier}
    for file in (*direct, *deep):
        refuse(client.get(f"{FILES}/{file}"), 404)
    for file in (deep[0], earlier):
        assert client.post(f"{FILES}/{file}/restore").status_code == 200
        assert tree.place(file) is None
    again = tree.make("level 1", outer)
    assert tree.folder(again)["file_count"] == 0


@pytest.mark.parametrize("mode", ["", "delete", "DELETE_ALL", "move_to_parent,delete_all"])
def test_other_modes_are_refused(client, tree, mode):
    """422, and the folder is still there."""
    folder = tree.make("a")
    refuse(client.delete(f"{URL}/{folder}", params={"mode": mode}), 422)
    assert tree.folder(folder)["name"] == "a"


def test_a_folder_is_removed_once(client, tree):
    """The second time it is not found."""
    for mode in ("move_to_parent", "delete_all"):
        folder = tree.make("a")
        tree.remove(folder, mode)
        refuse(client.delete(f"{URL}/{folder}", params={"mode": mode}), 404)


def test_wrong_methods_are_405(client, tree):
    """With the right ones in `Allow`."""
    folder = tree.make("a")
    for method, url in (("PUT", URL), ("POST", f"{URL}/{folder}"), ("GET", f"{URL}/{folder}/move")):
        expect_error(client.request(method, url), 405, "VALIDATION_ERROR")


def test_tenants_have_trees_of_their_own(tree, new_client):
    """The same names are free for everybody, and nobody sees another's."""
    other = Tree(new_client())
    assert tree.make("same") != other.make("same")
    assert len(tree.all()) == len(other.all()) == 1
