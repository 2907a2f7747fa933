"""Batches as a test sends them, with work, stores and databases that do what the test wants."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from calotype.domain.errors import Refused, Unavailable
from calotype.domain.upload import UploadOptions
from calotype.domain.upload_session import FileOutcome, SessionStatus
from calotype.imaging.pipeline import develop
from calotype.services.batch_upload import BatchOptions
from tests.services.library import chunks, photo

PLAIN = BatchOptions(UploadOptions(auto_describe=False))
"""Files whose work is over once their variants are made."""


def options(**values):
    """The options of a batch whose files are not described unless that is asked for."""
    return BatchOptions(UploadOptions(**{"auto_describe": False, **values}))


def photos(count):
    """Different pictures, each with its name."""
    return [(f"{index}.jpg", photo()) for index in range(count)]


async def send(library, files, given=PLAIN, late=None, refusals=()):
    """Send a batch of (name, bytes or chunks), with fields in front of and behind the files; returns its result."""
    async with library.services.batch_uploads.reading(library.scope, refusals) as batch:
        for name, data in files:
            await batch.take(name, chunks(data) if isinstance(data, bytes) else data, given)
        return await batch.finish(late or given)


async def work(library, asset_id):
    """Do all the work on one file, as workers do."""
    await library.services.pictures.make_variants(library.scope, asset_id, 1)
    await library.services.descriptions.read_text(library.scope, asset_id, 1)
    await library.services.descriptions.describe(library.scope, asset_id, 1)


async def progress(library, session_id):
    """Where a session stands."""
    return await library.services.sessions.progress(library.scope, session_id)


async def summary(library, session_id):
    """Where a session stands, in numbers."""
    return (await progress(library, session_id)).summary


def counts(numbers):
    """(completed, failed, skipped, pending) of a session, which must add up."""
    parts = (numbers.completed, numbers.failed, numbers.skipped, numbers.pending)
    assert sum(parts) == numbers.total
    assert min(parts) >= 0
    return parts


def rows(library, session_id):
    """(index, outcome, error, asset id) of a session's files, straight from the table."""
    return library.sql(
        'SELECT "index", outcome, error, asset_id FROM upload_session_file WHERE session_id = %s ORDER BY "index"',
        session_id,
    )


def all_ids(library):
    """The ids of all the tenant's files, those in the trash too."""
    return library.sql("SELECT id FROM asset WHERE tenant_id = %s", library.scope.tenant_id)


def live(library):
    """The ids of the tenant's files outside of the trash, by their names."""
    found = library.sql(
        "SELECT original_filename, id FROM asset WHERE tenant_id = %s AND deleted_at IS NULL ORDER BY created_at",
        library.scope.tenant_id,
    )
    return dict(found)


def age(library, session_id, hours):
    """Let everything of a session have happened so many hours earlier."""
    for table, key, columns in (
        ("upload_session", "id", ("created_at", "reader_seen_at", "received_at", "closed_at")),
        ("upload_session_file", "session_id", ("created_at", "ended_at")),
    ):
        moved = ", ".join(f"{column} = {column} - make_interval(hours => {hours})" for column in columns)
        library.sql(f"UPDATE {table} SET {moved} WHERE {key} = %s", session_id)


def outcomes(result):
    """What became of each file of a batch by its place; refused ones are None."""
    found = {item.index: item.outcome for item in result.items}
    found |= {rejection.index: None for rejection in result.rejections}
    assert sorted(found) == list(range(result.total))
    assert [item.index for item in result.items] == sorted(item.index for item in result.items)
    return [found[index] for index in range(result.total)]


TERMINAL = {SessionStatus.COMPLETED, SessionStatus.FAILED, SessionStatus.CANCELLED, SessionStatus.EXPIRED}

STORED, SKIPPED, FAILED = FileOutcome.COMPLETED, FileOutcome.SKIPPED, FileOutcome.FAILED


async def cancel(library, session_id):
    """Cancel a session; returns its numbers, or None when it was over."""
    try:
        return (await library.services.sessions.cancel(library.scope, session_id)).summary
    except Refused:
        return None


def expect_consistent(library, session_id, numbers):
    """The rows say the same as the numbers, and every row that has ended says when."""
    assert counts(numbers)[0] + counts(numbers)[1] == sum(
        outcome in {"completed", "failed"} for _, outcome, _, _ in rows(library, session_id)
    )
    assert numbers.status not in TERMINAL or numbers.pending == 0
    assert (numbers.completed_at is not None) == (numbers.status in TERMINAL)


async def until(question):
    """Ask until the answer is true-like; returns it."""
    async with asyncio.timeout(30):
        while True:
            if answer := question():
                return answer
            await asyncio.sleep(0.005)


async def until_blocked(library):
    """Wait until a transaction of this database waits for a lock that somebody else holds."""
    await until(
        lambda: library.sql(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
    )


def deadlocks(library):
    """How many deadlocks PostgreSQL has seen in this database."""
    return library.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")[0][0]


class Develops:
    """Stands for the children that develop: a picture that was really developed once, given for every other."""

    def __init__(self, picture):
        self._picture = picture

    @classmethod
    async def of_real_picture(cls, path):
        """Develop a picture in this process."""
        path.write_bytes(photo())
        return cls(await asyncio.to_thread(develop, str(path), pixel_limit=10**6))

    async def run(self, *_, **__):
        """The picture."""
        return self._picture


class Deputy:
    """Stands for another object in everything it does not do itself."""

    def __init__(self, original):
        self._original = original

    def __getattr__(self, name):
        return getattr(self._original, name)


class FailingStore(Deputy):
    """An object store whose disk fails for objects with certain names, when their bytes are to become durable."""

    def __init__(self, original, *names, deleting=False):
        super().__init__(original)
        self._names = names
        self._deleting = deleting

    def writer(self, key, size_hint=None):
        """The real writer, or one that fails in the end."""
        writer = self._original.writer(key, size_hint)
        if key.endswith(self._names):
            writer.commit = self._fail
        return writer

    async def put_many(self, items):
        """Store what comes before the first that fails, as the real one may."""
        for number, (key, _) in enumerate(items):
            if key.endswith(self._names):
                await self._original.put_many(items[:number])
                await self._fail()
        return await self._original.put_many(items)

    async def delete(self, key):
        """Remove an object, or fail."""
        if self._deleting:
            await self._fail()
        await self._original.delete(key)

    async def delete_many(self, keys):
        """Remove several objects, or fail."""
        if self._deleting:
            await self._fail()
        await self._original.delete_many(keys)

    async def _fail(self):
        raise Unavailable("the disk is gone")


class ForgetfulDatabase(Deputy):
    """A database that answers nothing once a transaction has been committed, so many times."""

    def __init__(self, original, lost=1):
        super().__init__(original)
        self._lost = lost

    @asynccontextmanager
    async def write(self):
        """A transaction whose commit is done, and its answer lost."""
        async with self._original.write() as connection:
            yield connection
        if self._lost:
            self._lost -= 1
            raise Unavailable("the connection to the database was lost")
