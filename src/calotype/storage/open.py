"""Opening the store that a setting names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from calotype.domain.errors import InvalidInput
from calotype.storage.local import LocalStore
from calotype.storage.store import ObjectStore

_REMOTE_SCHEMES = frozenset({"s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss"})


def open_store(url: str | None, data_dir: Path) -> ObjectStore:
    """The store at `url`, or the folder `objects` in `data_dir` when there is none.

    `file:///folder` is a folder of this machine; `s3://bucket/prefix`, `gs://bucket/prefix` and
    `az://account/container/prefix` are buckets, whose credentials and endpoint are in the environment under
    the names their own tools use (AWS_..., GOOGLE_..., AZURE_...). Raises `InvalidInput` for anything else.
    Nothing is read or written yet; `check` tells whether it works.
    """
    if folder := store_folder(url, data_dir):
        return LocalStore(folder)
    if url and (parts := urlsplit(url)).scheme in _REMOTE_SCHEMES and parts.netloc:
        from calotype.storage.remote import RemoteStore

        return RemoteStore(url, scratch=data_dir / "scratch")
    raise InvalidInput(
        "The object store is file:///folder, s3://bucket, gs://bucket or az://account/container", field="url"
    )


def store_folder(url: str | None, data_dir: Path) -> Path | None:
    """The folder of this machine in which the store at `url` keeps its objects; None where that is no such store."""
    if url is None:
        return data_dir / "objects"
    parts = urlsplit(url)
    is_folder = parts.scheme == "file" and parts.netloc in {"", "localhost"} and parts.path not in {"", "/"}
    return Path(unquote(parts.path)) if is_folder else None
