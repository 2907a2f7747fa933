"""Routes of the Vision API that are not built: 501 after authentication, and point 41 of the checklist."""

from __future__ import annotations

import pytest

from tests.contracts.vision import FORM, SOME_ID, SPELLINGS, multipart, part
from tests.contracts.vision_shapes import UNLIMITED, expect_error, rates

VERSION_1 = [
    ("POST", "/qa/chat"), ("POST", "/qa/stream"), ("POST", "/qa/quicktag"), ("POST", "/qa/indexedtag"),
    ("POST", "/clips"), ("GET", "/clips"), ("GET", f"/clips/{SOME_ID}"), ("DELETE", f"/clips/{SOME_ID}"),
    ("POST", "/creator/reels"), ("GET", "/creator/reels"), ("GET", f"/creator/reels/{SOME_ID}"),
    ("DELETE", f"/creator/reels/{SOME_ID}"),
]  # fmt: skip
VERSION_2 = [
    ("POST", "/v2/videos"), ("GET", "/v2/videos"), ("GET", f"/v2/videos/{SOME_ID}"), ("PATCH", f"/v2/videos/{SOME_ID}"),
    ("DELETE", f"/v2/videos/{SOME_ID}"), ("POST", "/v2/video-groups"), ("GET", "/v2/video-groups"),
    ("GET", f"/v2/video-groups/{SOME_ID}"), ("PATCH", f"/v2/video-groups/{SOME_ID}"), ("DELETE", f"/v2/video-groups/{SOME_ID}"),
    ("GET", f"/v2/video-groups/{SOME_ID}/videos"), ("POST", "/v2/video-groups/default/videos"), ("GET", "/v2/features"),
    ("POST", f"/v2/videos/{SOME_ID}/features/plan"), ("POST", f"/v2/videos/{SOME_ID}/features/transcript"),
    ("POST", f"/v2/videos/{SOME_ID}/features/captions"), ("POST", f"/v2/videos/{SOME_ID}/features/embeddings"),
    ("POST", f"/v2/videos/{SOME_ID}/features/objects"), ("GET", f"/v2/videos/{SOME_ID}/transcript"),
    ("GET", f"/v2/videos/{SOME_ID}/captions"), ("GET", f"/v2/videos/{SOME_ID}/scenes"), ("GET", f"/v2/videos/{SOME_ID}/objects"),
    ("POST", "/v2/search"), ("POST", "/v2/chat"), ("POST", f"/v2/videos/{SOME_ID}/segment"),
]  # fmt: skip
LISTED = [(method, spelling + path) for spelling in SPELLINGS for method, path in VERSION_1] + VERSION_2
UNBUILT = {501}
"""Statuses of a listed route whose tier is not built; a test fails as soon as one is built, which then has tests of its own."""


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_listed_route_says_that_it_is_not_built(anyone, slash):
    """In the one error body, with the headers of any authenticated answer."""
    for method, path in LISTED:
        answer = anyone.request(method, path + slash)
        assert answer.status_code in UNBUILT, f"{method} {path}{slash}: {answer.status_code}"
        expect_error(answer, 501, "not_implemented")
        assert rates(answer) == UNLIMITED


def test_a_listed_route_wants_a_key_first(idle):
    """Without one it is 401, whether it is built or not."""
    with idle.client() as nobody:
        for method, path in LISTED:
            expect_error(nobody.request(method, path), 401, "missing_api_key")


def test_a_body_changes_nothing(anyone):
    """None of it is looked at: files, forms, broken JSON."""
    file = multipart(part("file", bytes(500_000), "content/demo.mp4"), part("index", "True"))
    kind = {"content-type": "multipart/form-data; boundary=one-boundary"}
    expect_error(anyone.post("/v2/videos", content=file, headers=kind), 501)
    expect_error(anyone.request("DELETE", f"/clips/{SOME_ID}", content="ids=a&ids=b", headers=FORM), 501)
    expect_error(anyone.post("/v2/chat", content=b"{"), 501)


def test_a_wrong_method_of_a_listed_route_is_405(anyone):
    """With the methods that it will have."""
    for path, methods in (
        ("/qa/chat", {"POST"}),
        ("/v2/videos", {"GET", "POST"}),
        ("/v2/search", {"POST"}),
    ):
        answer = anyone.put(path)
        expect_error(answer, 405, "method_not_allowed")
        assert set(answer.headers["allow"].split(", ")) == methods


@pytest.mark.parametrize(
    "path", ["/v1/v2/videos", "/v2/clips", "/v2/images/list", "/videos/x/y/z", "/v2/features/x", "/qa", "/livestreams"]
)
def test_what_is_not_listed_is_404(anyone, path):
    """Also beside what is."""
    for method in ("GET", "POST"):
        expect_error(anyone.request(method, path), 404)
