"""A tenant's folders as a client sees them: each request with the shape of its answer."""

from __future__ import annotations

from tests.contracts.photos import plain
from tests.contracts.shapes import (
    BREADCRUMBS,
    DETAIL,
    FILES_MOVED,
    FOLDER,
    FOLDER_CONTENTS,
    FOLDER_REMOVED,
    FOLDERS,
    LIST,
    expect,
)
from tests.running import upload

FILES = "/api/v2/user-files"
URL = "/api/v2/folders"


class Tree:
    """What one client makes of its folders."""

    def __init__(self, client) -> None:
        self.client = client

    def make(self, name, parent=None):
        """A new folder; returns its id."""
        body = expect(self.client.post(URL, json={"name": name, "parent_id": parent}), FOLDER, 201)
        return body["id"]

    def chain(self, length, name="level"):
        """Folders each inside the one before; returns their ids."""
        made = [None]
        for depth in range(length):
            made.append(self.make(f"{name} {depth}", made[-1]))
        return made[1:]

    def all(self):
        """All folders, in the order of the answer."""
        return expect(self.client.get(URL), FOLDERS)["folders"]

    def contents(self, folder, **query):
        """One folder with what lies in it."""
        return expect(self.client.get(f"{URL}/{folder}", params=query), FOLDER_CONTENTS)

    def folder(self, folder):
        """One folder, which looks the same wherever it stands."""
        found = self.contents(folder)["folder"]
        assert [other for other in self.all() if other["id"] == folder] == [found]
        return found

    def path(self, folder):
        """The names from the root down."""
        steps = expect(self.client.get(f"{URL}/{folder}/breadcrumbs"), BREADCRUMBS)["breadcrumbs"]
        assert steps == self.contents(folder)["breadcrumbs"]
        assert [step["depth"] for step in steps] == list(range(len(steps)))
        assert steps[-1]["id"] == folder
        return [step["name"] for step in steps]

    def paths(self):
        """The paths of all folders with (files, subfolders) in each."""
        return {"/".join(self.path(f["id"])): (f["file_count"], f["subfolder_count"]) for f in self.all()}

    def rename(self, folder, name):
        """Another name."""
        return expect(self.client.patch(f"{URL}/{folder}", json={"name": name}), FOLDER)

    def move(self, folder, parent):
        """Another parent."""
        return expect(self.client.post(f"{URL}/{folder}/move", json={"new_parent_id": parent}), FOLDER)

    def remove(self, folder, mode=None):
        """Remove a folder; returns (files, subfolders) affected."""
        answer = self.client.delete(f"{URL}/{folder}", params={"mode": mode} if mode else {})
        body = expect(answer, FOLDER_REMOVED)
        assert (body["id"], body["mode"]) == (folder, mode or "move_to_parent")
        return body["files_affected"], body["subfolders_affected"]

    def put(self, files, folder):
        """Move files; returns how many are in the folder now."""
        answer = self.client.post(f"{URL}/move-files", json={"file_ids": files, "folder_id": folder})
        body = expect(answer, FILES_MOVED)
        assert body["total_requested"] == len(files)
        return body["moved"]

    def files(self, count=1, folder=None):
        """New files, in a folder if one is given; returns their ids."""
        made = [upload(self.client, plain(), auto_describe="false")["image_id"] for _ in range(count)]
        if folder and made:
            assert self.put(made, folder) == count
        return made

    def listed(self, **query):
        """The ids of a listing."""
        return {item["id"] for item in expect(self.client.get(FILES, params=query), LIST)["files"]}

    def place(self, file):
        """The folder a file lies in."""
        return expect(self.client.get(f"{FILES}/{file}"), DETAIL)["folder_id"]
