"""What the imaging tests share."""

import pytest

from calotype.imaging.pipeline import develop


@pytest.fixture
def developed(tmp_path):
    """Develops bytes."""

    def develop_bytes(data, **options):
        path = tmp_path / "original"
        path.write_bytes(data)
        return develop(str(path), **options)

    return develop_bytes
