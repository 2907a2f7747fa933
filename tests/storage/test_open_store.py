"""Which store a setting opens."""

import subprocess
import sys

import pytest

from calotype.domain.errors import InvalidInput
from calotype.storage.local import LocalStore
from calotype.storage.open import open_store
from calotype.storage.remote import RemoteStore


async def test_without_a_setting_objects_are_in_the_data_folder(tmp_path):
    """No URL means the folder `objects` of the data folder."""
    store = open_store(None, tmp_path)
    await store.put("a", b"x")
    assert (tmp_path / "objects" / "a").read_bytes() == b"x"
    await store.aclose()


async def test_a_file_url_names_a_folder(tmp_path):
    """A file URL, with escapes, means that folder, which is made when it is needed."""
    store = open_store(f"file://{tmp_path}/my%20pictures/x", tmp_path / "data")
    await store.put("a", b"x")
    assert (tmp_path / "my pictures" / "x" / "a").read_bytes() == b"x"
    await store.aclose()


def test_bucket_urls_open_a_bucket(tmp_path):
    """Buckets of S3 and Google are remote stores; opening them sends nothing."""
    assert isinstance(open_store("s3://bucket/prefix", tmp_path), RemoteStore)
    assert isinstance(open_store("gs://bucket", tmp_path), RemoteStore)
    assert isinstance(open_store(None, tmp_path), LocalStore)


@pytest.mark.parametrize(
    "url",
    ["", "objects", "file://", "file:///", "file://host/x", "s3://", "ftp://a/b", "memory:///", "http://a/b"],
)
def test_anything_else_is_refused(tmp_path, url):
    """A URL of another kind, or without a place, is invalid input."""
    with pytest.raises(InvalidInput) as caught:
        open_store(url, tmp_path)
    assert caught.value.context["field"] == "url"


def test_a_local_store_does_not_load_the_bucket_client():
    """A process that keeps its objects on disk does not pay for loading the client of buckets."""
    code = (
        "import sys; from pathlib import Path; from calotype.storage.open import open_store;"
        "open_store(None, Path('x')); print('obstore' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
