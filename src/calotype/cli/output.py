"""Where the bytes of a command go: standard output, or a file that has its name only once it is whole."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self
from uuid import uuid4

from calotype.domain.errors import InvalidInput

STANDARD_OUTPUT = "-"


class Output(Protocol):
    """Takes bytes while its context is open."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, chunk: bytes) -> None:
        """Write bytes, all of them. Raises InvalidInput where they cannot be written."""


def open_output(place: str | None, name: str, *, replaces: bool) -> Output:
    """An output for `-`, a folder, a file, or where no place is given for `name` in the working folder.

    Raises InvalidInput for a terminal, for what is no file, and for a file that is there already unless `replaces`.
    """
    if place == STANDARD_OUTPUT:
        if sys.stdout.isatty():
            raise InvalidInput(
                "a file that is no text is not written to a terminal", remedy="name a file, or use a pipe"
            )
        return _StandardOutput()
    path = Path(place or name)
    return WholeFile(path / name if path.is_dir() else path, replaces=replaces)


class _StandardOutput:
    """Bytes on standard output."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            sys.stdout.buffer.flush()

    def write(self, chunk: bytes) -> None:
        """Write bytes; a reader that has gone away ends the command as it ends others."""
        sys.stdout.buffer.write(chunk)


class WholeFile:
    """A file written under another name beside its own, which it gets when all is well; otherwise nothing is left of it."""

    def __init__(self, path: Path, *, replaces: bool) -> None:
        self.path = path
        self._target = path.resolve()
        self._part = self._target.with_name(f".calotype-{uuid4().hex}.part")
        self._replaces = replaces
        self._file: BinaryIO
        self._check()

    def _check(self) -> None:
        if self._target.exists() and not self._target.is_file():
            raise InvalidInput(
                f"{self.path} is no file", remedy=f"name a file, or {STANDARD_OUTPUT} for standard output"
            )
        if self._target.exists() and not self._replaces:
            raise InvalidInput(f"{self.path} is there already", remedy="--force replaces it")

    def __enter__(self) -> Self:
        with self._telling():
            self._file = self._part.open("xb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._telling(), self._file:
                if error is None:
                    self._file.flush()
                    os.fsync(self._file.fileno())
            if error is None:
                self._check()
                with self._telling():
                    self._part.replace(self._target)
        finally:
            self._part.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Write bytes. Raises InvalidInput where the disk is full or the like."""
        with self._telling():
            self._file.write(chunk)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InvalidInput(f"{self.path} cannot be written: {error.strerror}", field="output") from error
