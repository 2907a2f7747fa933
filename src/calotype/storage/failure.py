"""From what goes wrong in a disk or a bucket to the errors of the domain."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from calotype.domain.errors import CalotypeError, NotFound, Unavailable

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file is larger than this process may write",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.EROFS: "the file system is read-only",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
    errno.EIO: "the disk reports an input/output error",
    errno.EISDIR: "a folder has this name",
    errno.ENOTEMPTY: "a folder has this name",
}
# A symbolic link (ELOOP) is no object.
_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_REFUSED = re.compile(r"status code: 40[13]\b")
_LONGEST_REASON = 300


@contextmanager
def disk_failures(key: str, *, must_exist: bool = True) -> Iterator[None]:
    """Turn every `OSError` of a local file into `NotFound`, where the object must exist, or `Unavailable`."""
    try:
        yield
    except OSError as error:
        if must_exist and error.errno in _MISSING:
            raise NotFound("The object does not exist", key=key) from error
        reason = _REASONS.get(error.errno or 0) or (error.strerror or str(error))
        raise Unavailable(f"The object store cannot be used: {reason}", key=key) from error


@contextmanager
def bucket_failures(key: str, *, must_exist: bool = True) -> Iterator[None]:
    """Turn whatever obstore raises into `NotFound` or `Unavailable`.

    Where the object need not exist (`must_exist` is false), what is missing can only be the bucket.
    """
    from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

    try:
        yield
    except CalotypeError:
        raise
    except FileNotFoundError as error:
        if must_exist and "NoSuchBucket" not in str(error):
            raise NotFound("The object does not exist", key=key) from error
        raise Unavailable("The object store cannot be used: the bucket does not exist", key=key) from error
    except (BaseError, OSError, ValueError) as error:
        # Listing reports a refusal as a general failure, so the status is read as well.
        refused = isinstance(error, PermissionDeniedError | UnauthenticatedError) or _REFUSED.search(str(error))
        verb = "refuses our credentials" if refused else "cannot be used"
        raise Unavailable(f"The object store {verb}: {_reason(error)}", key=key) from error


def _reason(error: Exception) -> str:
    """The sentence of the server's own answer where there is one, else the first line of the client's."""
    text = str(error)
    said = re.search(r"<Code>([^<]*)</Code>\s*<Message>([^<]*)</Message>", text)
    if said:
        return f"{said[1]}, {said[2]}"[:_LONGEST_REASON]
    return text.split("\n", 1)[0].strip()[:_LONGEST_REASON]
