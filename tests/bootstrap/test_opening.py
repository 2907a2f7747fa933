"""What child processes are allowed follows from what is accepted."""

from __future__ import annotations

import pytest

from calotype.bootstrap.opening import _sandboxes
from calotype.settings import Settings

GIB = 1024**3


@pytest.mark.parametrize(("most", "vision"), [(4 * GIB, 2 * GIB), (1000, 3 * GIB), (1000, 1000)])
def test_a_copied_film_may_be_as_large_as_any_that_is_accepted(most, vision):
    """And where only small ones are, pictures of them may still be larger."""
    settings = Settings(max_video_bytes=most, vision_max_video_bytes=vision, video_memory_mb=512)
    limits = {sandbox.name: sandbox._options.file_limit for sandbox in _sandboxes(settings)}
    assert limits["videos"] == max(most, vision, 512 * 1024**2)
