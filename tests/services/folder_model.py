"""The rules of folders once more, as plain dictionaries that are looked through from end to end."""

from __future__ import annotations

from uuid import uuid4


class Refusal(Exception):
    """What the model refuses, by the name of the error the service should raise."""


class Model:
    """Folders as {id: [name, parent]} and files as {id: [folder, is it live]}."""

    def __init__(self, max_depth) -> None:
        self.max_depth = max_depth
        self.folders = {}
        self.files = {}

    def depth(self, folder):
        """How deep a folder lies; -1 above the root."""
        return -1 if folder is None else self.depth(self.folders[folder][1]) + 1

    def below(self, folder):
        """All folders below one."""
        children = [other for other, (_, parent) in self.folders.items() if parent == folder]
        return children + [inner for child in children for inner in self.below(child)]

    def inside(self, folder, *, live=True):
        """The files directly inside."""
        return [file for file, (place, is_live) in self.files.items() if place == folder and is_live is live]

    def _known(self, *folders):
        if any(folder is not None and folder not in self.folders for folder in folders):
            raise Refusal("NotFound")

    def _free(self, parent, name, *besides):
        if any(there == [name, parent] and other not in besides for other, there in self.folders.items()):
            raise Refusal("Conflict")

    def create(self, name, parent):
        """Make a folder."""
        self._known(parent)
        if self.depth(parent) + 1 > self.max_depth:
            raise Refusal("InvalidInput")
        self._free(parent, name)

    def rename(self, folder, name):
        """Rename a folder."""
        self._known(folder)
        self._free(self.folders[folder][1], name, folder)
        self.folders[folder][0] = name

    def move(self, folder, parent):
        """Move a folder."""
        self._known(folder, parent)
        if parent == folder or parent in self.below(folder):
            raise Refusal("InvalidInput")
        height = max(self.depth(inner) for inner in [folder, *self.below(folder)]) - self.depth(folder)
        if self.depth(parent) + 1 + height > self.max_depth:
            raise Refusal("InvalidInput")
        self._free(parent, self.folders[folder][0], folder)
        self.folders[folder][1] = parent

    def remove(self, folder, *, everything):
        """Remove a folder; returns (files, subfolders) affected."""
        self._known(folder)
        parent = self.folders[folder][1]
        gone = [folder, *(self.below(folder) if everything else [])]
        children = [other for other, (_, place) in self.folders.items() if place == folder]
        if not everything:
            for child in children:
                self._free(parent, self.folders[child][0], folder)
        files = [file for place in gone for file in self.inside(place)]
        for file, (place, is_live) in list(self.files.items()):
            if place in gone:
                up = parent if is_live and not everything else None
                self.files[file] = [up, is_live and not everything]
        for place in gone:
            del self.folders[place]
        for child in children if not everything else []:
            self.folders[child][1] = parent
        return len(files), len(gone) - 1 if everything else len(children)

    def put(self, files, folder):
        """Move files; returns how many lie in the folder now."""
        self._known(folder)
        moved = {file for file in files if file in self.files and self.files[file][1]}
        for file in moved:
            self.files[file][0] = folder
        return len(moved)

    def ensure(self, names):
        """The missing names behind the last folder that is there, and that folder."""
        place = None
        for index, name in enumerate(names):
            found = [other for other, there in self.folders.items() if there == [name, place]]
            if not found:
                return place, names[index:]
            place = found[0]
        return place, []

    def any_folder(self, number):
        """A folder chosen by a number, sometimes one that does not exist."""
        ids = [*self.folders, uuid4()]
        return ids[number % len(ids)]

    def any_parent(self, number):
        """The same, or the root."""
        ids = [None, *self.folders, None, uuid4()]
        return ids[number % len(ids)]

    def listed(self):
        """(depth, name, id, parent, files, subfolders) of all folders, as a listing shows them."""
        return sorted(
            (
                self.depth(folder),
                name,
                folder,
                parent,
                len(self.inside(folder)),
                sum(place == folder for _, place in self.folders.values()),
            )
            for folder, (name, parent) in self.folders.items()
        )
