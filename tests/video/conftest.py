"""What the tests of films share."""

from __future__ import annotations

import cv2
import numpy as np
import pytest


class Desk:
    """A folder in which films lie and are worked on."""

    def __init__(self, folder):
        self.folder = folder
        self._count = 0

    def put(self, data):
        """The path of a file with these bytes."""
        self._count += 1
        path = self.folder / f"film_{self._count}"
        path.write_bytes(data)
        return str(path)

    def empty(self):
        """A folder in which nothing is yet."""
        self._count += 1
        path = self.folder / f"out_{self._count}"
        path.mkdir()
        return path


@pytest.fixture
def desk(tmp_path):
    """A folder to work in."""
    return Desk(tmp_path)


def picture(jpeg):
    """The pixels (height x width x 3, RGB) of a JPEG, as whole numbers that can be subtracted."""
    decoded = cv2.imdecode(np.frombuffer(bytes(jpeg), np.uint8), cv2.IMREAD_COLOR)
    return decoded[:, :, ::-1].astype(int)


def near(pixel, color, by=8):
    """Whether a pixel has this colour, but for what an encoder does to it."""
    return all(abs(int(one) - other) <= by for one, other in zip(pixel, color, strict=True))
