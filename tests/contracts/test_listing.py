"""Listing: shapes, filters, paging and order of section 3.1, points 15 to 19 of the checklist."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from uuid import uuid4

import pytest

from tests.contracts import planting
from tests.contracts.photos import exif, photo
from tests.contracts.shapes import LIST, brief, expect, expect_error
from tests.running import upload, wait_until_processed

FILES = "/api/v2/user-files"
KINDS = {"a": "JPEG", "b": "PNG", "c": "WEBP", "d": "JPEG", "e": "GIF"}


class Library:
    """Five files of one tenant: their listing items by name, and a client to ask for them."""

    def __init__(self, server):
        self.server = server
        self.client = server.client(server.new_key())
        self.ids = {
            "a": self._upload("a", 30, title="banana", tags="red,round"),
            "b": self._upload("b", 60, title="Apple", tags="red,sweet"),
            "c": self._upload("c", 45, tags="round"),
            "d": self._upload("d", 20, title="cherry", tags="red,round,sweet", exif=exif(taken="2015:06:07 08:09:10")),
            "e": self._upload("e", 80),
        }
        self.names = {id_: name for name, id_ in self.ids.items()}
        wait_until_processed(self.client, self.ids["d"])
        # "c" is the oldest upload of all, "b" the only one with a description.
        planting.alter(
            server, "UPDATE asset SET created_at = '2008-01-02T03:04:05.678901Z' WHERE id = %s", self.ids["c"]
        )
        planting.alter(
            server, "UPDATE asset SET has_description = true, description = 'x' WHERE id = %s", self.ids["b"]
        )

    def _upload(self, name, side, exif=b"", **fields):
        options = {"exif": exif} if exif else {}
        data = photo(side, side, kind=KINDS[name], **options)
        return upload(self.client, data, f"{name}.file", auto_describe="false", **fields)["image_id"]

    def ask(self, *pairs, **parameters):
        """The names of the files a listing gives, in its order."""
        return [self.names[item["id"]] for item in self.page(*pairs, **parameters)["files"]]

    def page(self, *pairs, **parameters):
        """A listing with these parameters; pairs are for names that repeat."""
        return expect(self.client.get(FILES, params=[*pairs, *parameters.items()]), LIST)

    def created(self, name):
        """When a file was uploaded."""
        return self.page(ids=self.ids[name])["files"][0]["created_at"]


@pytest.fixture(scope="module")
def library(server):
    """Five files that no test of this module changes."""
    library = Library(server)
    yield library
    library.client.close()


def test_every_item_has_exactly_its_keys(library):
    """Items carry the 27 keys of the seed and three extras, each of its type; the link keys are null for images."""
    page = library.page()
    assert page["total_count"] == 5
    assert page["has_more"] is False
    by_name = {library.names[item["id"]]: item for item in page["files"]}
    assert by_name["a"]["filename"] == "a.file"
    assert by_name["e"]["title"] is None
    assert by_name["e"]["tags"] == []
    assert by_name["e"]["content_type"] == "image/gif"
    assert by_name["d"]["dimensions"] == {"width": 20, "height": 20}
    assert by_name["b"]["has_full_description"] is True


def test_an_empty_library_is_an_empty_list(client):
    """A new tenant has no files."""
    assert expect(client.get(FILES), LIST) == {"files": [], "total_count": 0, "has_more": False}


@pytest.mark.parametrize(
    ("pairs", "names"),
    [
        ([("tags", "red")], "abd"),
        ([("tags", "red"), ("tags", "round")], "ad"),
        ([("tags", "red,round")], "ad"),
        ([("tags", "red, sweet"), ("tags", "round"), ("tags", ",red,")], "d"),
        ([("tags", "Red")], ""),
        ([("tags", "re")], ""),
        ([("tags", "")], "abcde"),
        ([("tags", " , ")], "abcde"),
        ([("media_types", "image")], "abcde"),
        ([("media_types", "document,link"), ("media_types", "video")], ""),
        ([("media_types", "document,image")], "abcde"),
        ([("media_types", "document"), ("media_types", "image")], "abcde"),
        ([("media_types", "")], "abcde"),
        ([("has_description", "true")], "b"),
        ([("has_description", "NO")], "acde"),
        ([("folder_id", "folder_abc123")], ""),
        ([("folder_id", "550e8400-e29b-41d4-a716-446655440000")], ""),
        ([("folder_id", "a\0b")], ""),
        ([("tags", "red"), ("has_description", "false"), ("media_types", "image")], "ad"),
        ([("search", "apple"), ("tags", "red")], "b"),
        ([("search", "apple"), ("tags", "round")], ""),
    ],
    ids=brief,
)
def test_filters(library, pairs, names):
    """Repeated and comma-separated values mean the same, tags are ANDed, media types ORed, and filters combine with AND."""
    page = library.page(*pairs)
    assert {library.names[item["id"]] for item in page["files"]} == set(names)
    assert page["total_count"] == len(names)


def test_tags_with_odd_characters_harm_nothing(library):
    """A tag filter no file can have is an empty list or a refusal, never a fault."""
    for value in ("'", '"', "{}", "\\", "%", "漢字", "x" * 5000):
        assert library.ask(tags=value) == []
    answer = library.client.get(FILES, params={"tags": "a\0b"})
    expect_error(answer, 422, "VALIDATION_ERROR")


def test_ids_choose_files(library):
    """Known ids are listed in any letter case and either notation; unknown ones are just absent."""
    a, b = library.ids["a"], library.ids["b"]
    assert set(library.ask(("ids", a.upper()), ("ids", f"{b}, {uuid4()},{a}"))) == {"a", "b"}
    assert library.ask(ids=str(uuid4())) == []


def test_500_ids_are_allowed(library):
    """500 different ids are accepted, repeats not counted; 501 are refused."""
    ids = [str(uuid4()) for _ in range(499)] + [library.ids["a"]]
    assert library.ask(ids=",".join(ids + ids[:50])) == ["a"]
    answer = library.client.get(FILES, params={"ids": ",".join([*ids, str(uuid4())])})
    expect_error(answer, 422, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "-1"},
        {"limit": "ten"},
        {"limit": "1.0"},
        {"limit": ""},
        {"limit": "9" * 40},
        {"offset": "-1"},
        {"offset": "x"},
        {"offset": "9" * 40},
        {"sort_by": "id"},
        {"sort_by": ""},
        {"sort_order": "up"},
        {"search_mode": "none"},
        {"media_types": "images"},
        {"media_types": "image,folder"},
        {"has_description": "maybe"},
        {"trashed": "maybe"},
        {"ids": "not-an-id"},
        {"ids": "550e8400"},
        {"date_from": "yesterday"},
        {"date_to": "2025-13-01"},
        {"date_from": "2025-01-01T00:00:00+99:00"},
        {"date_from": ""},
        {"search": "x" * 1001},
        {"search": "a\0b"},
    ],
    ids=brief,
)
def test_a_bad_parameter_is_refused(library, parameters):
    """Whatever is out of range or unknown is 422 and names the parameter."""
    answer = library.client.get(FILES, params=parameters)
    expect_error(answer, 422, "VALIDATION_ERROR")
    assert next(iter(parameters)) in answer.json()["error"]["details"]["field"]


def test_the_bounds_are_allowed(library):
    """Limits of 1 and 100, an offset behind the end, 1,000 characters of search."""
    assert len(library.ask(limit="1")) == 1
    assert len(library.ask(limit="100")) == 5
    page = library.page(offset="1000000000000")
    assert page == {"files": [], "total_count": 5, "has_more": False}
    assert library.ask(search="x" * 1000) == []


@pytest.mark.parametrize("sort_by", ["created_at", "content_created_at", "title", "size_bytes"])
@pytest.mark.parametrize("sort_order", ["asc", "desc"])
def test_paging_yields_every_file_once(library, sort_by, sort_order):
    """With limit 1 each file comes exactly once, the count stays, and only the last page says there is no more."""
    order = {"sort_by": sort_by, "sort_order": sort_order}
    whole = library.ask(**order)
    pages = [library.page(limit="1", offset=str(offset), **order) for offset in range(5)]
    assert [library.names[page["files"][0]["id"]] for page in pages] == whole
    assert sorted(whole) == list("abcde")
    assert {page["total_count"] for page in pages} == {5}
    assert [page["has_more"] for page in pages] == [True, True, True, True, False]


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({"sort_by": "created_at", "sort_order": "asc"}, "cabde"),
        ({"sort_by": "created_at"}, "edbac"),
        ({"sort_by": "content_created_at", "sort_order": "asc"}, "cdabe"),
        ({"sort_by": "content_created_at", "sort_order": "desc"}, "ebadc"),
        ({}, "ebadc"),
        ({"sort_by": "size_bytes", "sort_order": "asc"}, None),
    ],
    ids=brief,
)
def test_orders(library, parameters, names):
    """Upload time; capture time mixed with upload time where there is none, which is the default; size."""
    asked = library.ask(**parameters)
    if names is None:
        sizes = [item["size_bytes"] for item in library.page(**parameters)["files"]]
        assert sizes == sorted(sizes)
        assert len(set(sizes)) == 5
    else:
        assert "".join(asked) == names


@pytest.mark.parametrize(("order", "titled"), [("asc", "bad"), ("desc", "dab")])
def test_titles_sort_without_case_and_none_last(library, order, titled):
    """Apple, banana, cherry, whatever their case; files without a title come last in both directions."""
    names = "".join(library.ask(sort_by="title", sort_order=order))
    assert names[:3] == titled
    assert set(names[3:]) == {"c", "e"}


def test_a_search_does_not_change_the_order(library):
    """The order of a search's result is that of the listing."""
    assert library.ask(search="file") == library.ask()
    assert library.ask(search="file", sort_by="created_at", sort_order="asc") == list("cabde")


def test_equal_values_break_on_the_id(new_client, server):
    """Files of one and the same moment and size still have one order, so that pages never overlap."""
    client = new_client()
    ids = [upload(client, photo(), auto_describe="false")["image_id"] for _ in range(6)]
    for id_ in ids:
        planting.alter(
            server, "UPDATE asset SET created_at = '2020-01-01T00:00:00Z', size_bytes = 5 WHERE id = %s", id_
        )
    for sort_by in ("created_at", "content_created_at", "size_bytes", "title"):
        seen = []
        for offset in range(0, 6, 2):
            parameters = {"sort_by": sort_by, "limit": 2, "offset": offset}
            seen += [item["id"] for item in client.get(FILES, params=parameters).json()["files"]]
        assert sorted(seen) == sorted(ids), sort_by


def test_dates_are_inclusive_to_the_microsecond(library):
    """A file's own upload time is within both bounds; one microsecond off is not."""
    exact = "2008-01-02T03:04:05.678901Z"
    assert library.created("c") == exact
    assert library.ask(date_from=exact, date_to=exact) == ["c"]
    assert library.ask(date_to="2008-01-02T03:04:05.678900Z") == []
    assert library.ask(date_from="2008-01-02T03:04:05.678902Z", date_to="2010-01-01") == []
    for name in "abde":
        assert name in library.ask(date_from=library.created(name))
        assert name in library.ask(date_to=library.created(name))


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({"date_to": "2008-01-02"}, "c"),
        ({"date_to": "2008-01-01"}, ""),
        ({"date_from": "2008-01-02", "date_to": "2008-01-02"}, "c"),
        ({"date_from": "2008-01-03"}, "abde"),
        ({"date_from": "2008-01-02T03:04:05"}, "abcde"),
        ({"date_from": "2008-01-02T03:04:06"}, "abde"),
        ({"date_to": "2008-01-02T05:04:06+02:00"}, "c"),
        ({"date_to": "2008-01-02T03:04:06+02:00"}, ""),
        ({"date_to": "2008-01-01T22:04:06-05:00"}, "c"),
        ({"date_from": "2030-01-01", "date_to": "2001-01-01"}, ""),
        ({"date_from": "0001-01-01", "date_to": "9999-12-31"}, "abcde"),
    ],
    ids=brief,
)
def test_date_bounds(library, parameters, names):
    """Bare dates span the whole day, other offsets are converted, none means UTC, and a reversed span is empty."""
    assert sorted(library.ask(**parameters)) == sorted(names)


def test_capture_time_is_utc_or_has_its_offset(client):
    """EXIF's time is read with its offset where there is one, as UTC otherwise; without EXIF there is none."""
    pictures = {
        "2015-06-07T08:09:10Z": exif(taken="2015:06:07 08:09:10"),
        "2015-06-07T13:39:10Z": exif(taken="2015:06:07 08:09:10", offset="-05:30"),
    }
    for expected, tags in pictures.items():
        made = upload(client, photo(exif=tags), auto_describe="false")
        found = wait_until_processed(client, made["image_id"])["content_created_at"]
        assert datetime.fromisoformat(found) == datetime.fromisoformat(expected)
    made = upload(client, photo(), auto_describe="false")
    assert wait_until_processed(client, made["image_id"])["content_created_at"] is None


def test_times_are_utc(library):
    """The upload time of an answer is the present, in UTC."""
    created = datetime.fromisoformat(library.created("a"))
    assert abs(datetime.now(timezone(timedelta(hours=5))) - created) < timedelta(minutes=10)
