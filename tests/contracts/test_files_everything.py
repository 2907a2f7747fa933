"""One library: a single search finds images, videos, documents and links by what they have in common (Files API, section 3.1)."""

from __future__ import annotations

from tests.contracts import file_films
from tests.contracts.file_links import followed
from tests.contracts.file_texts import ids, read
from tests.contracts.papers import pdf
from tests.contracts.photos import photo


def test_one_search_finds_every_kind(reader, site):
    """A word in a picture's title, a film's name, a document's text and a page's text leads to all four, and so do filters."""
    picture = file_films.send(reader, photo(), "dawn.jpg", title="The breakwater at dawn").json()["image_id"]
    film = file_films.send(reader, file_films.trailer(), "breakwater.mp4").json()["image_id"]
    paper = read(reader, pdf("Stones of the breakwater", "Its lamps"), "stones.pdf")
    page = followed(
        reader, site.page("/breakwater", "<article><p>Waves wash over the breakwater in March.</p></article>")
    )

    everything = {picture, film, paper, page["id"]}
    assert set(ids(reader, search="breakwater")) == everything
    assert set(ids(reader, search="breakwater", media_types="document,link")) == {paper, page["id"]}
    assert set(ids(reader, search="breakwater", search_mode="metadata")) == {picture, film, page["id"]}
    assert set(ids(reader, search="breakwater lamps")) == {paper}
    assert len(set(ids(reader, search="breakwater", sort_by="title", limit=3))) == 3
