"""Requests about folders that arrive at the same moment: each is answered as if it had come alone, in some order.

Every test races real threads against the server many times over and accepts each outcome that some order explains, and no other.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tests.contracts.folders import FILES, URL, Tree
from tests.contracts.shapes import expect_error

ROUNDS = 12
MOST = 12  # requests at once


@pytest.fixture
def client(idle_client):
    """A client of a new tenant, on a server that makes nothing of the files, which only lie in their folders."""
    return idle_client


@pytest.fixture
def tree(client):
    """The folders of a new tenant."""
    return Tree(client)


@pytest.fixture(scope="module")
def pool():
    """Threads that are there before a race begins."""
    with ThreadPoolExecutor(MOST) as made:
        yield made


def race(pool, *requests):
    """Send all at once; returns the answers in the order given. None is a fault of the server."""
    together = Barrier(len(requests))

    def send(request):
        together.wait()
        return request()

    answers = [future.result() for future in [pool.submit(send, request) for request in requests]]
    for answer in answers:
        if answer.status_code >= 400:
            assert answer.status_code in {404, 409, 422}, answer.text
            expect_error(answer, answer.status_code)
    return answers


def statuses(answers):
    """How many answers of each status."""
    return Counter(answer.status_code for answer in answers)


def test_the_same_name_made_at_once_is_made_once(client, tree, pool):
    """One 201 and otherwise 409, at the root and inside a folder."""
    parent = tree.make("parent")
    for place in (None, parent):
        for number in range(ROUNDS):
            body = {"name": f"same {number}", "parent_id": place}
            answers = race(pool, *[lambda body=body: client.post(URL, json=body)] * MOST)
            assert statuses(answers) == {201: 1, 409: MOST - 1}
    assert len(tree.all()) == 2 * ROUNDS + 1


def test_of_folders_renamed_to_one_name_at_once_one_gets_it(client, tree, pool):
    """One 200 and otherwise 409; all others keep their names."""
    for number in range(ROUNDS):
        folders = [tree.make(f"{number}.{index}") for index in range(4)]
        body = {"name": f"same {number}"}
        renames = [lambda url=f"{URL}/{folder}", body=body: client.patch(url, json=body) for folder in folders]
        assert statuses(race(pool, *renames)) == {200: 1, 409: 3}
        names = [tree.folder(folder)["name"] for folder in folders]
        assert names.count(body["name"]) == 1


@pytest.mark.parametrize("length", [2, 3, 5])
def test_moves_that_would_close_a_circle_leave_one_out(client, tree, pool, length):
    """Each folder is moved into the next at once: all but one succeed, the last one is 422, and the tree is a tree."""
    for number in range(ROUNDS):
        ring = [tree.make(f"{number}.{index}") for index in range(length)]

        def move(index, ring=ring):
            body = {"new_parent_id": ring[(index + 1) % length]}
            return client.post(f"{URL}/{ring[index]}/move", json=body)

        answers = race(pool, *[lambda index=index: move(index) for index in range(length)])
        assert statuses(answers) == {200: length - 1, 422: 1}
        assert sorted(len(tree.path(folder)) for folder in ring) == list(range(1, length + 1))


def test_moves_that_would_be_too_deep_together_leave_one_out(client, tree, pool):
    """Two moves that each fit alone, but not one on top of the other."""
    for number in range(4):
        upper, lower, top = (tree.chain(4, f"{name} {number}") for name in ("upper", "lower", "top"))
        answers = race(
            pool,
            lambda a=lower[0], b=upper[-1]: client.post(f"{URL}/{a}/move", json={"new_parent_id": b}),
            lambda a=upper[0], b=top[-1]: client.post(f"{URL}/{a}/move", json={"new_parent_id": b}),
        )
        assert statuses(answers) == {200: 1, 422: 1}
    assert max(folder["depth"] for folder in tree.all()) == 7


def test_files_moved_into_a_folder_that_is_being_deleted(client, tree, pool):
    """Either they were in it in time and went to the trash with it, or 404 and all of them stay where they were."""
    outcomes = Counter()
    for number in range(ROUNDS):
        folder = tree.make(f"doomed {number}")
        files = tree.files(3)
        body = {"file_ids": files, "folder_id": folder}
        moved, removed = race(
            pool,
            lambda body=body: client.post(f"{URL}/move-files", json=body),
            lambda folder=folder: client.delete(f"{URL}/{folder}", params={"mode": "delete_all"}),
        )
        outcomes[moved.status_code] += 1
        assert removed.status_code == 200
        if moved.status_code == 200:
            assert removed.json()["files_affected"] == 3
            assert tree.listed(ids=",".join(files)) == set()
        else:
            assert moved.status_code == 404
            assert removed.json()["files_affected"] == 0
            assert {tree.place(file) for file in files} == {None}


def test_a_file_restored_while_its_folder_is_deleted_with_all_in_it(client, tree, pool):
    """It came back in time to go to the trash again, or is at the root; never in a folder that is gone."""
    for number in range(ROUNDS):
        folder = tree.make(f"doomed {number}")
        (file,) = tree.files(1, folder)
        assert client.delete(f"{FILES}/{file}").status_code == 200
        restored, removed = race(
            pool,
            lambda file=file: client.post(f"{FILES}/{file}/restore"),
            lambda folder=folder: client.delete(f"{URL}/{folder}", params={"mode": "delete_all"}),
        )
        assert statuses([restored, removed]) == {200: 2}
        live = client.get(f"{FILES}/{file}").json()
        assert removed.json()["files_affected"] == (0 if "id" in live else 1)
        assert live.get("folder_id") is None


def test_folders_made_in_or_moved_into_one_that_is_being_removed(client, tree, pool):
    """They were there in time and share its fate, or 404; counts say which."""
    for number in range(ROUNDS):
        folder, guest = tree.make(f"doomed {number}"), tree.make(f"guest {number}")
        body = {"name": f"made {number}", "parent_id": folder}
        made, moved, removed = race(
            pool,
            lambda body=body: client.post(URL, json=body),
            lambda a=guest, b=folder: client.post(f"{URL}/{a}/move", json={"new_parent_id": b}),
            lambda folder=folder: client.delete(f"{URL}/{folder}", params={"mode": "move_to_parent"}),
        )
        assert made.status_code in {201, 404}
        assert moved.status_code in {200, 404}
        in_time = statuses([made, moved])
        assert removed.json()["subfolders_affected"] == in_time[201] + in_time[200]
        assert tree.folder(guest)["depth"] == 0
        assert {item["name"] for item in tree.all()} >= ({f"made {number}"} if made.status_code == 201 else set())


def test_two_removals_of_one_folder(client, tree, pool):
    """One does it, the other finds nothing."""
    for number in range(ROUNDS):
        folder = tree.make(f"doomed {number}")
        tree.make("inner", folder)
        removals = [
            lambda folder=folder, mode=mode: client.delete(f"{URL}/{folder}", params={"mode": mode})
            for mode in ("move_to_parent", "delete_all")
        ]
        up, away = race(pool, *removals)
        assert statuses([up, away]) == {200: 1, 404: 1}
        names = [item["name"] for item in tree.all()]
        assert names == (["inner"] if up.status_code == 200 else [])
        for item in tree.all():
            tree.remove(item["id"])


def test_anything_at_once_leaves_a_tree_without_faults(client, tree, pool):
    """Moves, removals, renames and files in a small tree, all mixed: only clean answers, and every count is right after it."""
    for number in range(ROUNDS):
        a, b, c = tree.chain(3, f"round {number}")
        files = tree.files(2, c)
        race(
            pool,
            lambda a=a, c=c: client.post(f"{URL}/{c}/move", json={"new_parent_id": a}),
            lambda a=a, c=c: client.post(f"{URL}/{a}/move", json={"new_parent_id": c}),
            lambda b=b: client.delete(f"{URL}/{b}"),
            lambda c=c: client.delete(f"{URL}/{c}", params={"mode": "delete_all"}),
            lambda b=b: client.patch(f"{URL}/{b}", json={"name": "new"}),
            lambda b=b, files=files: client.post(f"{URL}/move-files", json={"file_ids": files, "folder_id": b}),
            lambda files=files: client.post(f"{FILES}/batch-delete", json={"file_ids": files[::-1]}),
            lambda: client.get(URL),
        )
        found = tree.all()
        ids = {folder["id"]: folder for folder in found}
        for folder in found:
            inside = [other for other in found if other["parent_id"] == folder["id"]]
            assert folder["subfolder_count"] == len(inside)
            assert all(other["depth"] == folder["depth"] + 1 for other in inside)
            assert folder["file_count"] == len(tree.listed(folder_id=folder["id"]))
            assert folder["parent_id"] is None or folder["parent_id"] in ids
        for file in tree.listed():
            assert tree.place(file) in {None, *ids}
        for folder in found:
            if folder["depth"] == 0:
                tree.remove(folder["id"], "delete_all")
