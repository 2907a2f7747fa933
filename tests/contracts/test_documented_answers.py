"""The OpenAPI document against a running server: refusals are answered as the document says of their routes."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.contracts.devices import enrol
from tests.contracts.file_texts import FILES, sent
from tests.contracts.photos import photo
from tests.contracts.videos import SOME_ID

DOCUMENTS = "/api/v2/documents"


@pytest.fixture(scope="module")
def document(anyone) -> dict[str, Any]:
    """What the server says of itself."""
    found: dict[str, Any] = anyone.get("/openapi.json").json()
    return found


@pytest.fixture
def held(idle_client) -> dict[str, str]:
    """Ids of one text, one picture and one link of a tenant, none of which any worker has looked at."""
    picture = idle_client.post(f"{FILES}/upload/stream", files={"file": ("a.jpg", photo(), "image/jpeg")})
    link = idle_client.post(f"{FILES}/links", json={"url": "http://example.com/", "auto_crawl": False})
    return {"text": sent(idle_client, b"words"), "picture": picture.json()["image_id"], "link": link.json()["id"]}


def test_the_credentials_of_every_route_are_documented(fleet, fleet_operator, document):
    """What stands at a route opens it, and nothing else does: no other header with a valid key, and no key at all."""
    key = fleet_operator.headers["Authorization"].removeprefix("Bearer ")
    device_key = enrol(fleet, fleet_operator).key
    headers = {
        "BearerToken": {"Authorization": f"Bearer {key}"},
        "ApiKey": {"X-Api-Key": key},
        "DeviceKey": {"X-Device-Key": device_key},
        "none": {},
    }
    with fleet.client() as client:
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                named = {name for way in operation["security"] for name in way} or set(headers)
                for name, header in headers.items():
                    answer = client.request(method, re.sub(r"{\w+}", SOME_ID, path), headers=header)
                    assert (answer.status_code != 401) == (name in named), (method, path, name)


def is_documented(document, answer, method, path):
    """Whether status, type and keys of an answer are those that stand in the document."""
    kinds = document["paths"][path][method]["responses"][str(answer.status_code)]["content"]
    schema = kinds[answer.headers["content-type"].partition(";")[0]]["schema"]
    model = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return set(model["required"]) <= answer.json().keys() <= model["properties"].keys()


@pytest.mark.parametrize(
    ("method", "path", "kind", "status"),
    [
        ("get", DOCUMENTS + "/{document_id}/text", "text", 409),
        ("get", FILES + "/{file_id}/download", "link", 400),
        ("get", FILES + "/{file_id}/similar", "text", 400),
        ("post", FILES + "/{file_id}/restore", "text", 409),
        ("post", FILES + "/{file_id}/trigger-variants", "text", 400),
        ("post", FILES + "/{link_id}/recrawl", "picture", 400),
    ],
)
def test_what_is_not_possible_for_a_file_is_documented(idle_client, document, held, method, path, kind, status):
    """Files of all kinds have one list, so routes for one kind are asked for others."""
    start, _, end = path.partition("{")
    answer = idle_client.request(method, start + held[kind] + end.partition("}")[2])
    assert answer.status_code == status
    assert is_documented(document, answer, method, path)


def test_no_address_of_a_page_is_documented(idle_client, document):
    """A link to no web page is refused with 400, and so says the document."""
    answer = idle_client.post(f"{FILES}/links", json={"url": "gopher://example.com"})
    assert answer.status_code == 400
    assert is_documented(document, answer, "post", f"{FILES}/links")


def test_two_folders_of_one_name_are_documented(idle_client, document):
    """The second one is a conflict."""
    assert idle_client.post("/api/v2/folders", json={"name": "Boats"}).status_code == 201
    answer = idle_client.post("/api/v2/folders", json={"name": "Boats"})
    assert answer.status_code == 409
    assert is_documented(document, answer, "post", "/api/v2/folders")


def test_a_body_that_is_too_large_is_documented(idle_client, document):
    """The gate refuses it before any route is reached."""
    answer = idle_client.post(f"{DOCUMENTS}/search", json={"query": "a" * 2_000_000})
    assert answer.status_code == 413
    assert is_documented(document, answer, "post", f"{DOCUMENTS}/search")


def test_a_second_group_of_a_name_and_a_strange_body_are_documented(idle_client, document):
    """The Vision API refuses a name that is taken, the default group, and what is neither JSON nor a form."""
    assert idle_client.post("/video-groups", json={"name": "Boats"}).status_code == 200
    answer = idle_client.post("/video-groups", json={"name": "Boats"})
    assert answer.status_code == 409
    assert is_documented(document, answer, "post", "/video-groups")
    answer = idle_client.delete("/video-groups/default")
    assert answer.status_code == 409
    assert is_documented(document, answer, "delete", "/video-groups/{group_id}")
    answer = idle_client.post("/images/search", content=b"<query/>", headers={"Content-Type": "application/xml"})
    assert answer.status_code == 415
    assert is_documented(document, answer, "post", "/images/search")


def test_changing_a_revoked_device_is_documented(idle_client, document):
    """Neither its settings nor its key can be changed any more."""
    device = idle_client.post("/api/devices", json={"name": "gate"}).json()["data"]["id"]
    assert idle_client.delete(f"/api/devices/{device}").status_code == 200
    renamed = idle_client.patch(f"/api/devices/{device}", json={"name": "door"})
    rotated = idle_client.post(f"/api/devices/{device}/rotate-key")
    assert (renamed.status_code, rotated.status_code) == (409, 409)
    assert is_documented(document, renamed, "patch", "/api/devices/{device_id}")
    assert is_documented(document, rotated, "post", "/api/devices/{device_id}/rotate-key")


def test_a_file_of_no_supported_type_is_documented(idle_client, document):
    """Bytes that are nothing known are refused with 415 by the routes that take files."""
    answer = idle_client.post(f"{FILES}/upload/stream", files={"file": ("a.bin", b"\x00\x01\x02", "image/jpeg")})
    assert answer.status_code == 415
    assert is_documented(document, answer, "post", f"{FILES}/upload/stream")
    answer = idle_client.post("/images/upload", files={"images": ("a.bin", b"\x00\x01\x02", "image/jpeg")})
    assert answer.status_code == 415
    assert is_documented(document, answer, "post", "/images/upload")
