"""Signed links to images: section 1.6, and point 16 of the checklist."""

from __future__ import annotations

import os
import re
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from tests.contracts.photos import photo
from tests.contracts.vision import DELETE, entry, exchange, head, image, plant, stored, unknown, upload
from tests.contracts.vision_shapes import expect_error, image as _  # noqa: F401
from tests.running import PATIENCE, RunningServer
