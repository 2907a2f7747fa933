"""Searching: the `search` and `search_mode` parameters of section 3.1, point 20 of the checklist."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.contracts import planting
from tests.contracts.photos import encoded, photo
from tests.contracts.shapes import LIST, expect
from tests.running import upload, wait_until_processed

FILES = "/api/v2/user-files"


class Library:
    """Files with known texts, found by name."""

    def __init__(self, server):
        self.client = server.client(server.new_key())
        self.names = {}
        self.ids = {}
        self._add("pier", "IMG_2041-pier.jpg", title="The North Pier at Night", tags="harbour,fog lights")
        self._add("boats", "boats.jpg", title="Crème brûlée on a boat", tags="Straße")
        self._add("temple", "写真.jpg", title="東京タワーの夜景", tags="旅行")
        self._add("plain", "holiday.jpg", title="100% it's 'quoted' * (a|b) & !c", tags="a-b")
        self._add("sign", "sign.png", picture=_sign("WARNING AREA"), auto_describe="true")
        detail = wait_until_processed(self.client, self.ids["sign"], described=True)
        assert "WARNING" in (detail["visible_text"] or "").upper(), detail
        # The built-in description quotes what was read, and so makes it metadata; here is text it does not quote.
        planting.plant_visible_text(server, self.ids["sign"], "WARNING AREA BEYOND THE WATERFALL")

    def _add(self, name, filename, picture=None, **fields):
        fields = {"auto_describe": "false", **fields}
        made = upload(self.client, picture or photo(), filename, **fields)
        self.ids[name] = made["image_id"]
        self.names[made["image_id"]] = name

    def find(self, search, **parameters):
        """The names of what a search finds."""
        body = expect(self.client.get(FILES, params={"search": search, **parameters}), LIST)
        assert body["total_count"] == len(body["files"])
        return {self.names[item["id"]] for item in body["files"]}


def _sign(words):
    picture = Image.new("RGB", (900, 300), "white")
    ImageDraw.Draw(picture).text((60, 90), words, "black", ImageFont.load_default(100))
    return encoded(picture, "PNG")


@pytest.fixture(scope="module")
def library(server):
    """Five files, one of them with text in the picture."""
    library = Library(server)
    yield library
    library.client.close()


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("pier", {"pier"}),
        ("PIER", {"pier"}),
        ("north pier", {"pier"}),
        ("pier north", {"pier"}),
        ("pier boat", set()),
        ("harbour", {"pier"}),
        ("fog lights", {"pier"}),
        ("2041", {"pier"}),
        ("img_2041", {"pier"}),
        ("IMG_2041-pier.jpg", {"pier"}),
        ("holiday", {"plain"}),
        ("nor", {"pier"}),
        ("pier nig", {"pier"}),
        ("nig pier", set()),
        ("at the pier", {"pier"}),
        ("the boat", set()),
        ("on a boat", {"boats"}),
        ("it's quoted", {"plain"}),
        ("boats", {"boats"}),
        ("creme brulee", {"boats"}),
        ("CRÈME", {"boats"}),
        ("cre\u0300me", {"boats"}),
        ("strasse", {"boats"}),
        ("東京", {"temple"}),
        ("タワー", {"temple"}),
        ("夜", {"temple"}),
        ("京タ", {"temple"}),
        ("東京 夜景", {"temple"}),
        ("旅行", {"temple"}),
        ("写真", {"temple"}),
        ("京東", set()),
        ("大阪", set()),
        ("nothing like this", set()),
    ],
)
def test_words_are_found(library, search, names):
    """Every word must match, in any order and case, accents folded, the last one also by its beginning; none is a stop word."""
    assert library.find(search) == names


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ('"north pier"', {"pier"}),
        ('north "boat', set()),
        ("-pier", {"pier"}),
        ("pier OR boat", set()),
        ("north & pier", {"pier"}),
        ("north|pier", {"pier"}),
        ("(north) !pier", {"pier"}),
        ("nor*", {"pier"}),
        ("pi%er", set()),
        ("100% quoted", {"plain"}),
        ("north:* pier:A", {"pier"}),
        ("pier'; DROP TABLE asset; --", set()),
        ("'", None),
        ("\\", None),
        ("%", None),
        ("*", None),
        ("_", None),
        ("()", None),
        ("<->", None),
        ("a" * 1000, set()),
        ("a " * 500, None),
        ("漢" * 1000, set()),
        ("\u202e\u200b\ufeff", None),
        ("🙂", None),
        ("\x01\x1f", None),
    ],
)
def test_operators_have_no_meaning(library, search, names):
    """Punctuation only separates words, and nothing that can be typed causes a fault."""
    for mode in ("all", "metadata", "visible_text"):
        found = library.find(search, search_mode=mode)
        if names is not None and mode == "all":
            assert found == names


@pytest.mark.parametrize("search", ["", " ", "\t\n"])
def test_a_blank_search_is_none(library, search):
    """Nothing but space finds everything."""
    assert library.find(search) == set(library.ids)


def test_modes_look_at_different_texts(library):
    """`visible_text` looks at what was read in the picture, `metadata` at everything but that, `all` at both."""
    assert library.find("waterfall", search_mode="visible_text") == {"sign"}
    assert library.find("waterfall", search_mode="metadata") == set()
    assert library.find("waterfall") == library.find("waterfall", search_mode="all") == {"sign"}
    assert library.find("png", search_mode="metadata") == {"sign"}
    assert library.find("png", search_mode="visible_text") == set()
    assert library.find("png waterfall", search_mode="all") == {"sign"}
    assert library.find("png waterfall", search_mode="metadata") == set()
    assert library.find("png waterfall", search_mode="visible_text") == set()


def test_the_description_is_metadata(library):
    """Words of a description are found by `metadata` and `all`."""
    detail = library.client.get(f"{FILES}/{library.ids['sign']}").json()
    assert detail["upload_description"]
    for word in ("pixels", "main colour"):
        assert word in detail["upload_description"]
        assert library.find(word, search_mode="metadata") == library.find(word) == {"sign"}
        assert library.find(word, search_mode="visible_text") == set()


def test_the_item_shows_what_was_read(library):
    """Listing and detail carry the newest description and the visible text, and say that there is one."""
    item = next(item for item in library.client.get(FILES).json()["files"] if item["id"] == library.ids["sign"])
    detail = library.client.get(f"{FILES}/{library.ids['sign']}").json()
    for key in ("title", "upload_description", "visible_text", "description_status"):
        assert item[key] == detail[key]
    assert (item["has_full_description"], item["description_status"]) == (True, "completed")
    assert [made["description"] for made in detail["full_descriptions"]] == [detail["upload_description"]]
    assert detail["full_descriptions"][0]["created_at"] == detail["description_generated_at"]


def test_a_changed_title_is_found_at_once(client):
    """After PATCH the new title and tags are found and the old ones are not, and visible text and description stay."""
    made = upload(client, photo(), "x.jpg", title="before", tags="old", auto_describe="false")

    def count(search):
        return client.get(FILES, params={"search": search}).json()["total_count"]

    client.patch(f"{FILES}/{made['image_id']}", json={"title": "after", "tags": ["new"]})
    assert [count(word) for word in ("before", "old", "after", "new", "x.jpg")] == [0, 0, 1, 1, 1]


def test_editing_keeps_the_visible_text_searchable(library):
    """A new title does not make the text of the picture unfindable."""
    path = f"{FILES}/{library.ids['sign']}"
    library.client.patch(path, json={"title": "edited"})
    try:
        assert library.find("edited waterfall") == {"sign"}
    finally:
        library.client.patch(path, json={"title": None})


def test_a_word_does_not_span_two_fields(client):
    """The end of one text and the beginning of the next are no phrase."""
    upload(client, photo(), "x.jpg", title="東", tags="京", auto_describe="false")
    assert client.get(FILES, params={"search": "東京"}).json()["total_count"] == 0
    assert client.get(FILES, params={"search": "東 京"}).json()["total_count"] == 1
