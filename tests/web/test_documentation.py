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
    assert "ErrorAnswer" in page
    assert "calotype__" not in page


def test_no_two_routes_have_one_name():
    """Programs are made from the document, with a function for each operation."""
    document = make_app(Settings(), None).openapi()
    names = [one["operationId"] for operations in document["paths"].values() for one in operations.values()]
    assert len(names) == len(set(names)) > 50
    for name in names:
        assert re.fullmatch(r"(files|devices|analysis|vision|server)(_[a-z]+){1,6}", name), name
        assert len(name) <= 40


def test_no_two_models_have_one_name():
    """Programs have a class for each model, called by its title; none tells of our modules, and no reference leads nowhere."""
    document = make_app(Settings(), None).openapi()
    schemas = document["components"]["schemas"]
    titles = [schema["title"] for schema in schemas.values()]
    assert len(titles) == len(set(titles)) > 100
    for name in schemas:
        assert re.fullmatch(r"[A-Z][A-Za-z]+", name), name
    references = set(re.findall(r"'#/components/schemas/([^']+)'", str(document)))
    assert references == schemas.keys()


def test_limits_and_defaults_are_told_as_json_schema_does():
    """No limit is hidden behind a word that only pydantic knows, and a default is of the type of its field."""
    document = make_app(Settings(), None).openapi()
    kinds = {"string": str, "integer": int, "number": int | float, "boolean": bool, "array": list, "object": dict}
    fields = list(_fields(document))
    assert sum("minimum" in field for field in fields) > 40
    for field in fields:
        assert not field.keys() & {"ge", "le", "gt", "lt", "min_length", "max_length", "multiple_of"}, field
        if field.get("default") is not None and "type" in field:
            assert isinstance(field["default"], kinds[field["type"]]), field


def _fields(part):
    """Every schema with a type, however deep."""
    if isinstance(part, list):
        for one in part:
            yield from _fields(one)
    elif isinstance(part, dict):
        if isinstance(part.get("type"), str) and part["type"] in {"string", "integer", "number", "boolean", "array"}:
            yield part
        for one in part.values():
            yield from _fields(one)


def test_every_operation_says_what_it_asks_for():
    """Each route has a described tag, a description and its credentials; those without one are the two of the server."""
    document = make_app(Settings(), None).openapi()
    ways = document["components"]["securitySchemes"]
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}
    used, without = set(), set()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            (tag,) = operation["tags"]
            assert tags[tag]
            assert operation["description"]
            named = [name for way in operation["security"] for name in way]
            assert ways.keys() >= set(named)
            used |= {tag, *named}
            assert bool(named) == ("401" in operation["responses"])
            if not named:
                without.add(path)
    assert without == {"/health", "/metrics"}
    assert used == tags.keys() | ways.keys()


def test_the_analysis_api_is_described_with_all_its_answers():
    """Each route has a model of its success, but for the stream, whose events are named; refusals have one body."""
    document = make_app(Settings(), None).openapi()
    prefix = "/image-forge-api/v1"
    routes = {
        (method, path.removeprefix(prefix)): operation
        for path, operations in document["paths"].items()
        if path.startswith(prefix)
        for method, operation in operations.items()
    }
    answers = {route: operation["responses"] for route, operation in routes.items()}
    models = {}
    for route, given in answers.items():
        for status, answer in given.items():
            (content,) = answer["content"].items()
            if int(status) >= 400:
                assert content[0] == "application/json"
                assert content[1]["schema"]["$ref"].endswith("/AnalysisErrorAnswer")
            else:
                models[route] = (status, content[0], content[1]["schema"].get("$ref", "").rpartition("/")[2])
    assert models == {
        ("post", "/sessions"): ("201", "application/json", "UploadedImages"),
        ("post", "/sessions/{session_id}/images"): ("201", "application/json", "UploadedImages"),
        ("get", "/sessions/{session_id}"): ("200", "application/json", "Session"),
        ("delete", "/sessions/{session_id}"): ("200", "application/json", "EndedSession"),
        ("post", "/sessions/{session_id}/analyze"): ("200", "text/event-stream", ""),
        ("post", "/sessions/{session_id}/analyze-single"): ("200", "application/json", "SingleResult"),
        ("get", "/credits"): ("200", "application/json", "Credits"),
        ("get", "/credits/ledger"): ("200", "application/json", "Ledger"),
    }
    stream = answers["post", "/sessions/{session_id}/analyze"]["200"]["description"]
    for word in (
        "`progress`",
        "`result`",
        "`error`",
        "`complete`",
        "imageId",
        "metadata",
        "creditsUsed",
        "creditsRemaining",
    ):
        assert word in stream


def test_every_operation_names_what_the_gate_answers():
    """Where a key is asked for, 429, 500, 503 have the body of the 401, with a body also 413; the framework's 422 is nowhere."""
    document = make_app(Settings(), None).openapi()
    asking = 0
    for operations in document["paths"].values():
        for operation in operations.values():
            answers = operation["responses"]
            assert list(answers) == sorted(answers)
            if "401" in answers:
                asking += 1
                named = {"429", "500", "503"} | ({"413"} if "requestBody" in operation else set())
                assert all(answers[status]["content"] == answers["401"]["content"] for status in named)
                assert all("Retry-After" in answers[status]["headers"] for status in ("429", "503"))
    assert asking > 100
    assert "HTTPValidationError" not in str(document)


def test_the_page_loads_nothing():
    """No script, no image, no address of another server."""
    page = render(make_app(Settings(), None).openapi())
    assert "<script" not in page
    assert not re.search(r"""(src|href)=["']?https?:""", page)


def test_texts_cannot_become_markup():
    """Whatever stands in the document is shown as text."""
    evil = "<script>alert(1)</script>"
    document = {
        "info": {"title": evil, "version": evil, "summary": evil, "description": evil},
        "tags": [{"name": evil, "description": evil}],
        "paths": {
            f"/{evil}": {
                "get": {
                    "tags": [evil],
                    "description": evil,
                    "security": [{evil: []}],
                    "responses": {evil: {"description": evil}},
                }
            }
        },
    }
    assert "<script" not in render(document)
