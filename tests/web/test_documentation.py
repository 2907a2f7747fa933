"""The documentation page: made of the OpenAPI document, and of nothing from elsewhere."""

from __future__ import annotations

import re

from calotype.settings import Settings
from calotype.web.app import make_app
from calotype.web.shared.documentation import render


def test_every_route_is_on_the_page():
    """Each path and method of the API stands on the page with its fields."""
    document = make_app(Settings(), None).openapi()
    page = render(document)
    for path, operations in document["paths"].items():
        assert path in page
        for operation in operations.values():
            assert operation.get("description"), path
    for name in ("skip_duplicates", "sort_order", "file_ids", "422"):
        assert name in page


def test_the_page_loads_nothing():
    """No script, no image, no address of another server."""
    page = render(make_app(Settings(), None).openapi())
    assert "<script" not in page
    assert not re.search(r"""(src|href)=["']?https?:""", page)


def test_texts_cannot_become_markup():
    """Whatever stands in the document is shown as text."""
    evil = "<script>alert(1)</script>"
    document = {
        "info": {"title": evil, "version": evil, "summary": evil},
        "paths": {
            f"/{evil}": {"get": {"tags": [evil], "description": evil, "responses": {evil: {"description": evil}}}}
        },
    }
    assert "<script" not in render(document)
