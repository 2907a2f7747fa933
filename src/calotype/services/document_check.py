"""Checking documents at the door: whether a file is what it seems, and safe to be read, looked at in a limited child process."""

from __future__ import annotations

from calotype.documents.docx_check import check_docx
from calotype.domain.errors import SandboxFailure, Unavailable, UndecodableDocument
from calotype.sandbox.pool import Sandbox
from calotype.services.attempts import try_again
from calotype.storage.store import ObjectStore


class DocumentCheck:
    """Looks into stored files; `timeout` in seconds."""

    def __init__(self, store: ObjectStore, sandbox: Sandbox, *, timeout: float) -> None:
        self._store = store
        self._sandbox = sandbox
        self._timeout = timeout

    async def check_docx(self, key: str) -> None:
        """Make sure that a stored ZIP is a document in the format of Word, and no bomb.

        Raises Unsupported for any other ZIP, UndecodableDocument, and Unavailable.
        """
        async with self._store.local_path(key) as path:
            try:
                await try_again(lambda: self._sandbox.run(check_docx, str(path), timeout=self._timeout))
            except SandboxFailure as error:
                if error.context.get("reason") == "start":
                    raise Unavailable(error.message) from error
                raise UndecodableDocument(f"The document cannot be read: {error.message}") from error
