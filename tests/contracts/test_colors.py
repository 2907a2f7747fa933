"""Colours of images and searching by them: section 9, point 37 of the checklist."""

from __future__ import annotations

from uuid import uuid4

import pytest
from PIL import Image

from tests.contracts import planting
from tests.contracts.color_shapes import BATCH_EXTRACT, COLOR_FAMILY, COLOR_SEARCH, IMAGE_COLORS
from tests.contracts.photos import encoded, photo, undecodable
from tests.contracts.shapes import brief, conforms, expect, expect_error
from tests.running import upload, wait_for, wait_until_processed

COLORS = "/api/v2/colors"
FILES = "/api/v2/user-files"


def flat(color, kind="PNG", size=(64, 48)):
    """A picture of one colour."""
    return encoded(Image.new("RGBA" if len(color) == 4 else "RGB", size, color), kind)


def stripes(*colors):
    """A picture of equal stripes."""
    picture = Image.new("RGB", (len(colors) * 16, 32))
    for index, color in enumerate(colors):
        picture.paste(color, (index * 16, 0, index * 16 + 16, 32))
    return encoded(picture, "PNG")


MANY = [(index * 47 % 256, index * 101 % 256, index * 151 % 256) for index in range(16)]


def add(client, data, name="a.png"):
    """Upload a picture and wait until it is developed; returns its id."""
    made = upload(client, data, name, auto_describe="false")
    wait_until_processed(client, made["image_id"])
    return made["image_id"]


def get(client, image_id):
    """The colours of a picture."""
    return expect(client.get(f"{COLORS}/images/{image_id}"), IMAGE_COLORS)


def extract(client, image_id, **query):
    """Ask for an extraction."""
    return expect(client.post(f"{COLORS}/images/{image_id}/extract", params=query), IMAGE_COLORS)


def search(client, **body):
    """Search by colour."""
    return expect(client.post(f"{COLORS}/search", json=body), COLOR_SEARCH)


def wait_until_found(client, image_id):
    """Wait until a picture's colours are found, or not to be found."""

    def ended():
        colors = get(client, image_id)
        return colors if colors["status"] in {"completed", "failed"} else None

    return wait_for(ended, "the colours were not found")


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_flat_red_picture_has_one_color(client, kind):
    """All of it is one colour near #FF0000: red, vibrant, warm, medium bright and vivid."""
    colors = get(client, add(client, flat((255, 0, 0), kind)))
    assert colors["status"] == "completed"
    analysis = colors["color_analysis"]
    assert analysis["extracted_at"] == colors["extracted_at"]
    (red,) = analysis["dominant_colors"]
    assert red["rgb"]["r"] >= 250
    assert max(red["rgb"]["g"], red["rgb"]["b"]) <= 5
    assert (red["rank"], red["percentage"], red["name"], red["family"]) == (1, 100, "red", "vibrant")
    assert red["hsl"]["s"] == pytest.approx(100, abs=1)
    assert red["lab"]["l"] == pytest.approx(53.2, abs=0.5)
    found = {name: value.get("value") or value["category"] for name, value in analysis["analytics"].items()}
    assert found == {"temperature": "warm", "brightness": "medium", "saturation": "vivid"}


def test_colors_are_in_order_and_no_more_than_all(client):
    """Ranks count from 1, percentages fall and do not pass 100 together."""
    analysis = get(client, add(client, photo(200, 150)))["color_analysis"]
    colors = analysis["dominant_colors"]
    assert [color["rank"] for color in colors] == list(range(1, len(colors) + 1))
    assert 1 < len(colors) <= 16
    shares = [color["percentage"] for color in colors]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 100.0001


def test_what_is_transparent_has_no_color(client):
    """Half of the picture is green that nobody sees."""
    picture = Image.new("RGBA", (64, 48), (0, 255, 0, 0))
    picture.paste((0, 0, 255, 255), (0, 0, 32, 48))
    (blue,) = get(client, add(client, encoded(picture, "PNG")))["color_analysis"]["dominant_colors"]
    assert blue["hex"] == "#0000FF"
    assert blue["percentage"] == 100
    nothing = get(client, add(client, flat((0, 255, 0, 0))))
    assert nothing["status"] == "completed"
    assert nothing["color_analysis"]["dominant_colors"] == []


def test_a_finished_analysis_is_returned_as_it_is(client):
    """The same number of colours is not looked for again without force."""
    image_id = add(client, stripes(*MANY))
    before = get(client, image_id)
    assert extract(client, image_id) == before
    assert extract(client, image_id, n_colors=16, force="no") == before


def test_fewer_colors_are_found_anew(client):
    """Another number is queued without an analysis, comes with at most that many colours, and stays."""
    image_id = add(client, stripes(*MANY))
    before = get(client, image_id)["color_analysis"]
    assert len(before["dominant_colors"]) > 4
    queued = extract(client, image_id, n_colors=4)
    assert (queued["status"], queued["color_analysis"], queued["extracted_at"]) == ("queued", None, None)
    found = wait_until_found(client, image_id)
    assert found["status"] == "completed"
    assert 1 < len(found["color_analysis"]["dominant_colors"]) <= 4
    assert found["color_analysis"]["extracted_at"] > before["extracted_at"]
    assert extract(client, image_id, n_colors=4) == found
    client.post(f"{FILES}/{image_id}/trigger-variants")
    wait_until_processed(client, image_id)
    assert get(client, image_id) == found
    steps = client.get(f"{FILES}/{image_id}").json()["processing_history"]
    assert [step["status"] for step in steps if step["operation_type"] == "extract_colors"] == ["completed"] * 2


def test_force_finds_the_same_again(client):
    """With force even a finished analysis is made anew."""
    image_id = add(client, flat((30, 140, 60)))
    before = get(client, image_id)
    assert extract(client, image_id, force="true")["status"] == "queued"
    after = wait_until_found(client, image_id)
    assert after["extracted_at"] > before["extracted_at"]
    (green,) = after["color_analysis"]["dominant_colors"]
    assert (green["percentage"], green["name"]) == (100, "green")


def test_before_the_first_processing_nothing_is_known(narrow_client):
    """Without a worker the colours are pending, and an extraction asked for is queued."""
    image_id = upload(narrow_client, photo(), auto_describe="false")["image_id"]
    pending = {"image_id": image_id, "status": "pending", "color_analysis": None, "extracted_at": None}
    assert get(narrow_client, image_id) == pending
    assert extract(narrow_client, image_id) == {**pending, "status": "queued"}
    assert extract(narrow_client, image_id, n_colors=5) == {**pending, "status": "queued"}
    assert get(narrow_client, image_id)["status"] == "queued"
    body = {"image_ids": [image_id], "n_colors": 5}
    assert expect(narrow_client.post(f"{COLORS}/batch/extract", json=body), BATCH_EXTRACT)["queued_count"] == 1


def test_a_picture_that_cannot_be_decoded_has_failed(client):
    """Its colours are failed, and asking for them again ends the same way with the reason in the history."""
    image_id = add(client, undecodable(), "broken.png")
    assert get(client, image_id)["status"] == "failed"
    assert extract(client, image_id, n_colors=8)["status"] == "queued"
    assert wait_until_found(client, image_id)["status"] == "failed"
    steps = client.get(f"{FILES}/{image_id}").json()["processing_history"]
    reasons = [step["error_message"] for step in steps if step["operation_type"] == "extract_colors"]
    assert len(reasons) == 2
    assert all(reasons)


@pytest.mark.parametrize("n_colors", [2, 17, "many", "3.5", ""])
def test_the_number_of_colors_has_bounds(client, n_colors):
    """3 to 16, in plain decimals."""
    expect_error(client.post(f"{COLORS}/images/{uuid4()}/extract", params={"n_colors": n_colors}), 422)


def test_what_is_no_live_image_is_404(client, narrow, narrow_client):
    """Unknown and trashed images have no colours, nor have documents; what is no id is 422."""
    gone = upload(client, photo(), auto_describe="false")["image_id"]
    client.delete(f"{FILES}/{gone}")
    image_id = upload(narrow_client, photo(), auto_describe="false")["image_id"]
    document = str(uuid4())
    planting.plant_file(narrow, image_id, document, media_type="document")
    for asking, id_ in ((client, uuid4()), (client, gone), (narrow_client, document)):
        expect_error(asking.get(f"{COLORS}/images/{id_}"), 404, "NOT_FOUND")
        expect_error(asking.post(f"{COLORS}/images/{id_}/extract"), 404, "NOT_FOUND")
    expect_error(client.get(f"{COLORS}/images/nonsense"), 422)


def test_a_batch_counts_what_is_queued(client):
    """Finished, unknown, trashed, repeated and impossible ids do not count; with force the finished ones do."""
    first, second = add(client, photo()), add(client, photo())
    gone = add(client, photo())
    client.delete(f"{FILES}/{gone}")

    def ask(ids, **more):
        answer = client.post(f"{COLORS}/batch/extract", json={"image_ids": ids, **more})
        return expect(answer, BATCH_EXTRACT)["queued_count"]

    everything = [first, second, first.upper(), gone, str(uuid4()), "nonsense"]
    assert ask(everything) == 0
    assert ask(everything, n_colors=3) == 2
    for image_id in (first, second):
        assert wait_until_found(client, image_id)["status"] == "completed"
    assert ask([first], n_colors=3) == 0
    assert ask([first], n_colors=3, force=True) == 1
    assert wait_until_found(client, first)["status"] == "completed"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"image_ids": []},
        {"image_ids": ["a"] * 101},
        {"image_ids": "a"},
        {"image_ids": [5]},
        {"image_ids": ["a"], "n_colors": 2},
        {"image_ids": ["a"], "n_colors": 17},
        {"image_ids": ["a"], "n_colors": "5"},
        {"image_ids": ["a"], "n_colors": 5.5},
        {"image_ids": ["a"], "force": "true"},
        {"image_ids": ["a"], "force": 1},
        {"image_ids": ["a"], "force": None},
        [],
    ],
    ids=brief,
)
def test_a_batch_is_read_strictly(client, body):
    """1 to 100 ids, 3 to 16 colours, and JSON's own types."""
    expect_error(client.post(f"{COLORS}/batch/extract", json=body), 422, "VALIDATION_ERROR")


def test_an_exact_color_scores_one(client):
    """The picture of that very colour comes first with 1.0; the nearer of others comes before the farther."""
    red = add(client, flat((200, 30, 40)))
    near, far = add(client, flat((205, 40, 50))), add(client, flat((180, 50, 60)))
    add(client, flat((20, 200, 40)))
    page = search(client, hex_code="#C81E28")
    assert [result["image_id"] for result in page["results"]] == [red, near, far]
    assert (page["total_count"], page["limit"], page["offset"]) == (3, 50, 0)
    first, *rest = page["results"]
    assert (first["match_score"], first["matched_hex"], first["matched_percentage"]) == (1.0, "#C81E28", 100)
    assert all(0 <= result["match_score"] < 1 for result in rest)
    assert first["color_analysis"] == get(client, red)["color_analysis"]
    assert client.get(first["thumbnail_url"]).status_code == 200
    assert search(client, hex_code="c81e28", delta_e_threshold=0)["total_count"] == 1
    assert search(client, hex_code="c81e28", delta_e_threshold=100, min_percentage=0)["total_count"] == 4


def test_all_criteria_must_be_met_by_one_color(client):
    """A picture half red and half grey is found by either, but not by a grey that is called red."""
    half = add(client, stripes((200, 30, 40), (128, 128, 128)))
    for body in (
        {"color_name": "RED"},
        {"color_name": "re"},
        {"color_family": "neutral"},
        {"color_name": "grey", "color_family": "neutral"},
        {"hex_code": "#808080", "color_family": "neutral", "min_percentage": 50},
    ):
        (result,) = search(client, **body)["results"]
        assert (result["image_id"], result["match_score"]) == (half, 1.0)
        assert result["matched_percentage"] == 50
    for body in (
        {"color_name": "red", "color_family": "neutral"},
        {"hex_code": "#C81E28", "color_family": "neutral"},
        {"hex_code": "#808080", "color_name": "red"},
        {"color_name": "green"},
        {"color_name": "no such colour"},
        {"hex_code": "#C81E28", "min_percentage": 50.5},
    ):
        assert search(client, **body) == {"results": [], "total_count": 0, "limit": 50, "offset": 0}


def test_pages_together_hold_every_picture_once(client):
    """Equal scores are ordered by percentage and then by id, so that no window overlaps another."""
    ids = {add(client, flat((90, 90, 90 + index // 3))) for index in range(6)}
    bands = add(client, stripes((90, 90, 90), (250, 250, 0)))
    every = search(client, hex_code="#5A5A5A", limit=200)
    keys = [(-r["match_score"], -r["matched_percentage"], r["image_id"]) for r in every["results"]]
    assert keys == sorted(keys)
    assert {result["image_id"] for result in every["results"]} == ids | {bands}
    pages = [search(client, hex_code="#5A5A5A", limit=2, offset=offset) for offset in (0, 2, 4, 6, 8)]
    assert [result for page in pages for result in page["results"]] == every["results"]
    assert {page["total_count"] for page in pages} == {7}


def test_the_trash_is_not_searched(client):
    """A deleted picture is not found and not counted; restored it is."""
    kept, gone = add(client, flat((10, 90, 200))), add(client, flat((10, 90, 200)))
    client.delete(f"{FILES}/{gone}")
    for body in ({"hex_code": "#0A5AC8"}, {"color_name": "blue"}, {"color_family": "vibrant"}):
        page = search(client, **body)
        assert ([result["image_id"] for result in page["results"]], page["total_count"]) == ([kept], 1)
    client.post(f"{FILES}/{gone}/restore")
    assert search(client, hex_code="#0A5AC8")["total_count"] == 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"hex_code": None, "color_name": None, "color_family": None},
        {"color_name": "  "},
        {"min_percentage": 5},
        {"hex_code": "#FF00"},
        {"hex_code": "red"},
        {"hex_code": "##FF0000"},
        {"hex_code": ""},
        {"hex_code": 0xFF0000},
        {"color_family": "Warm"},
        {"color_family": "blue"},
        {"color_name": "re\x00d"},
        {"color_name": 5},
        *({"hex_code": "#FF0000", "delta_e_threshold": value} for value in (-0.1, 100.1, "15", True, None)),
        *({"hex_code": "#FF0000", "min_percentage": value} for value in (-1, 101, "5", False)),
        *({"hex_code": "#FF0000", "limit": value} for value in (0, 201, "50", 50.5, None)),
        *({"hex_code": "#FF0000", "offset": value} for value in (-1, "0", 1.5)),
    ],
    ids=brief,
)
def test_a_search_is_read_strictly(client, body):
    """One criterion at least, everything within its bounds, and JSON's own types."""
    expect_error(client.post(f"{COLORS}/search", json=body), 422, "VALIDATION_ERROR")


def test_infinite_numbers_are_refused(client):
    """What some JSON writers produce is no number."""
    for value in ("NaN", "Infinity", "1e999"):
        body = f'{{"hex_code": "#FF0000", "delta_e_threshold": {value}}}'
        headers = {"Content-Type": "application/json"}
        expect_error(client.post(f"{COLORS}/search", content=body, headers=headers), 422, "VALIDATION_ERROR")


def test_families_are_a_bare_array_of_seven(client):
    """Each family once, with examples that a search by that family would find."""
    answer = client.get(f"{COLORS}/families")
    assert answer.status_code == 200
    families = answer.json()
    assert isinstance(families, list)
    for family in families:
        conforms(family, COLOR_FAMILY)
        assert family["example_colors"]
    names = ["neutral", "earth_tone", "warm", "cool", "metallic", "pastel", "vibrant"]
    assert [family["name"] for family in families] == names
