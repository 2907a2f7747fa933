"""How people may give ids of batches, and where a thing was looked for that is not there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from calotype.domain.device_ids import BATCH
from calotype.domain.errors import InvalidInput, NotFound


def parse_batch_id(text: str) -> UUID:
    """The UUID of a batch, with or without its prefix. Raises InvalidInput."""
    try:
        return UUID(text.strip().removeprefix(BATCH))
    except ValueError:
        raise InvalidInput(
            f"{text!r} is no id of a batch", remedy="`calotype batches list` shows them", field="batch"
        ) from None


@contextmanager
def looking_in(tenant: str) -> Iterator[None]:
    """Tell in whose library something was looked for, when it is not there."""
    try:
        yield
    except NotFound as error:
        remedy = "--tenant names another one"
        raise NotFound(f"{error.message}, in the library of {tenant!r}", remedy=remedy) from error
