"""The tree of folders holds its rules through any sequence of changes, and files come into it unharmed."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from calotype.domain import errors
from calotype.domain import folder as rules
from calotype.domain.errors import Conflict, NotFound
from calotype.domain.folder import RemovalMode
from calotype.domain.upload import UploadOptions
from calotype.services import folder as service
from tests.db.rows import add, new_asset
from tests.examples import examples
from tests.services.folder_model import Model, Refusal
from tests.services.library import chunks, photo

LOW = 2  # the depth limit of the random sequences, so that they meet it
NAMES = st.sampled_from("abc")
NUMBERS = st.integers(0, 50)
CHANGES = st.one_of(
    st.tuples(st.just("create"), NAMES, NUMBERS),
    st.tuples(st.just("create"), NAMES, NUMBERS),
    st.tuples(st.just("ensure"), st.lists(NAMES, min_size=1, max_size=LOW + 1)),
    st.tuples(st.just("rename"), NUMBERS, NAMES),
    st.tuples(st.just("move"), NUMBERS, NUMBERS),
    st.tuples(st.just("move"), NUMBERS, NUMBERS),
    st.tuples(st.just("remove"), NUMBERS, st.sampled_from(RemovalMode)),
    st.tuples(st.just("put"), st.lists(st.integers(0, 5), min_size=1, max_size=4), NUMBERS),
    st.tuples(st.just("put"), st.lists(st.integers(0, 5), min_size=1, max_size=4), NUMBERS),
    st.tuples(st.just("delete"), st.integers(0, 4)),
    st.tuples(st.just("restore"), st.integers(0, 4)),
)


class Both:
    """One library and its model, changed side by side."""

    def __init__(self, library) -> None:
        self.library = library
        self.model = Model(LOW)
        self.files: list[UUID] = []

    @property
    def folders(self):
        """The service under test."""
        return self.library.services.folders

    async def fill(self, count):
        """Put files at the root."""
        async with self.folders._database.write() as connection:
            for _ in range(count):
                file = await add(connection, new_asset(self.library.scope.tenant_id))
                self.files.append(file)
                self.model.files[file] = [None, True]

    async def change(self, kind, *values):
        """Do the same to both; the outcome must be the same."""
        await getattr(self, f"_{kind}")(*values)

    async def _same(self, change, expected, *values, **more):
        wanted, refusal = None, None
        try:
            wanted = expected(*values, **more)
        except Refusal as raised:
            refusal = getattr(errors, str(raised))
        if refusal is None:
            return await change, wanted
        with pytest.raises(refusal):
            await change
        return None, None

    async def _create(self, name, number):
        parent = self.model.any_parent(number)
        made, _ = await self._same(
            self.folders.create(self.library.scope, name, parent), self.model.create, name, parent
        )
        if made:
            self.model.folders[made.id] = [name, parent]

    async def _ensure(self, names):
        found = await self.folders.ensure(self.library.scope, names)
        place, missing = self.model.ensure(names)
        if missing:
            made = {folder.id: folder for folder in await self.folders.list(self.library.scope)}
            way = [made[found]]
            while way[0].parent_id != place:
                way.insert(0, made[way[0].parent_id])
            assert [folder.name for folder in way] == missing
            self.model.folders |= {folder.id: [folder.name, folder.parent_id] for folder in way}
        else:
            assert found == place

    async def _rename(self, number, name):
        folder = self.model.any_folder(number)
        await self._same(self.folders.rename(self.library.scope, folder, name), self.model.rename, folder, name)

    async def _move(self, number, target):
        folder, parent = self.model.any_folder(number), self.model.any_parent(target)
        moved, _ = await self._same(
            self.folders.move(self.library.scope, folder, parent), self.model.move, folder, parent
        )
        if moved:
            assert moved in await self.folders.list(self.library.scope)

    async def _remove(self, number, mode):
        folder = self.model.any_folder(number)
        everything = mode is RemovalMode.DELETE_ALL
        change = self.folders.remove(self.library.scope, folder, mode)
        removed, wanted = await self._same(change, self.model.remove, folder, everything=everything)
        if removed:
            assert (removed.files, removed.subfolders) == wanted

    async def _put(self, numbers, target):
        files = [self.files[number] if number < len(self.files) else uuid4() for number in numbers]
        folder = self.model.any_parent(target)
        change = self.folders.move_files(self.library.scope, files, folder)
        moved, wanted = await self._same(change, self.model.put, files, folder)
        assert moved == wanted

    async def _delete(self, number):
        file = self.files[number]
        if self.model.files[file][1]:
            await self.library.services.trash.delete(self.library.scope, file)
            self.model.files[file][1] = False

    async def _restore(self, number):
        file = self.files[number]
        if not self.model.files[file][1]:
            await self.library.services.trash.restore(self.library.scope, file)
            self.model.files[file][1] = True

    async def check(self):
        """Everything that can be seen is the same."""
        found = await self.folders.list(self.library.scope)
        assert [
            (folder.depth, folder.name, folder.id, folder.parent_id, folder.file_count, folder.subfolder_count)
            for folder in found
        ] == self.model.listed()
        for file, (place, is_live) in self.model.files.items():
            asset = await self.library.asset(file)
            assert (asset.folder_id, asset.deleted_at is None) == (place, is_live)
        for folder in found:
            detail = await self.folders.detail(self.library.scope, folder.id)
            assert detail.folder == folder
            assert list(detail.subfolders) == sorted(
                (other for other in found if other.parent_id == folder.id), key=lambda other: other.name
            )
            way = [step.id for step in detail.breadcrumbs]
            assert way == [*(step.id for step in detail.breadcrumbs[:-1]), folder.id]
            assert [None, *way[:-1]] == [self.model.folders[step][1] for step in way]


# Shrinking would run the database for minutes, longer than a test may take.
@settings(max_examples=examples(12), deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.lists(CHANGES, min_size=20, max_size=40))
async def test_any_sequence_of_changes_leaves_what_a_plain_model_has(shared, changes):
    """Each change is accepted or refused as the model says, and in the end both hold the same tree, files and counts."""
    both = Both(await shared.neighbour())
    await both.fill(5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "MAX_DEPTH", LOW)
        for change in changes:
            await both.change(*change)
    await both.check()


async def test_a_folder_made_by_many_at_once_is_made_once(library):
    """Everybody gets the same path, and no one a conflict."""
    names = ("2026", "May", "Harbour")
    ensure = library.services.folders.ensure
    ids = await asyncio.gather(*(ensure(library.scope, names[: 1 + index % 3]) for index in range(12)))
    assert len(set(ids)) == 3
    found = await library.services.folders.list(library.scope)
    assert [folder.name for folder in found] == list(names)
    assert await ensure(library.scope, names) == found[-1].id
    assert await ensure(library.scope, ()) is None


async def test_what_the_lock_should_have_kept_away_is_refused_and_no_fault(library, monkeypatch):
    """Without the lock the constraints still hold, and what they say is Conflict or NotFound."""

    async def no_lock(*_):
        """Let everybody in."""

    async def never(*_):
        return None

    folders, scope = library.services.folders, library.scope
    taken = await folders.create(scope, "taken", None)
    monkeypatch.setattr(service, "lock_tree", no_lock)
    with monkeypatch.context() as blind:
        blind.setattr(service, "select_child", never)
        with pytest.raises(Conflict):
            await folders.create(scope, "taken", None)
    other = await folders.create(scope, "other", None)
    with monkeypatch.context() as blind:

        async def alone(_connection, _scope, folder_id):
            return {folder_id: 0}

        blind.setattr(service, "select_subtree", alone)
        await folders.move(scope, other.id, taken.id)
        with pytest.raises(NotFound):  # into its own child: what the deferred key finds at the end
            await folders.move(scope, taken.id, other.id)
    assert [folder.parent_id for folder in await folders.list(scope)] == [None, taken.id]


async def test_deleting_everything_drops_the_waiting_jobs(library):
    """Files of the whole subtree lose theirs, a file elsewhere keeps them; restored ones get them again."""
    folders, scope = library.services.folders, library.scope
    inner = await folders.ensure(scope, ("outer", "inner"))
    (outer,) = [folder for folder in await folders.list(scope) if folder.name == "outer"]
    deep, direct, elsewhere = [await library.take_in(folder_id=place) for place in (inner, outer.id, None)]
    assert all(library.jobs(file) for file in (deep, direct, elsewhere))

    await folders.remove(scope, outer.id, RemovalMode.DELETE_ALL)

    assert (library.jobs(deep), library.jobs(direct)) == ([], [])
    assert library.jobs(elsewhere)
    await library.services.trash.restore(scope, deep)
    assert library.jobs(deep)
    assert (await library.asset(deep)).folder_id is None


async def test_jobs_of_many_files_are_dropped_in_portions(library, monkeypatch):
    """However many there are, none is forgotten."""
    monkeypatch.setattr(service, "_DROPPED_AT_ONCE", 2)
    folder = await library.services.folders.ensure(library.scope, ("many",))
    files = [await library.take_in(folder_id=folder) for _ in range(5)]
    removal = await library.services.folders.remove(library.scope, folder, RemovalMode.DELETE_ALL)
    assert removal.files == 5
    assert [library.jobs(file) for file in files] == [[]] * 5


async def test_an_upload_comes_into_its_folder(library):
    """The option reaches the row."""
    folder = await library.services.folders.ensure(library.scope, ("new",))
    assert (await library.asset(await library.take_in(folder_id=folder))).folder_id == folder


@pytest.mark.parametrize("whose", ["nobody's", "another tenant's"])
async def test_an_upload_into_an_unknown_folder_leaves_nothing(library, whose):
    """NotFound, and neither row nor job nor object."""
    other = await library.neighbour()
    folder = uuid4() if whose == "nobody's" else await other.services.folders.ensure(other.scope, ("theirs",))
    received = await library.services.ingest.receive(library.scope, "a.jpg", chunks(photo()))
    assert library.objects() != set()

    with pytest.raises(NotFound):
        await library.services.ingest.accept(received, UploadOptions(folder_id=folder))

    assert library.objects() == set()
    assert library.jobs(received.id) == []
    with pytest.raises(NotFound):
        await library.asset(received.id)


async def test_uploads_into_a_folder_that_is_being_deleted_share_its_fate_or_fail(library):
    """A file is in the trash with the folder, or was refused; none is left over at the root or elsewhere."""
    folders, scope = library.services.folders, library.scope
    for number in range(6):
        folder = await folders.ensure(scope, (f"doomed {number}",))

        async def take_in(folder=folder):
            try:
                return await library.take_in(folder_id=folder)
            except NotFound:
                return None

        *files, removal = await asyncio.gather(
            *(take_in() for _ in range(4)), folders.remove(scope, folder, RemovalMode.DELETE_ALL)
        )
        kept = [file for file in files if file]
        assert removal.files == len(kept)
        for file in kept:
            asset = await library.asset(file)
            assert asset.deleted_at is not None
            assert asset.folder_id is None
