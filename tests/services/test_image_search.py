"""Images are found by what they mean, by whoever may see them, and by nobody else."""

from __future__ import annotations

import pytest

from calotype.domain.errors import Unavailable
from calotype.services.image_search import ImageSearchService
from tests.services.meaning import described, find, hits


@pytest.fixture
def described_by(quick, monkeypatch):
    """Makes images of a library whose description is given."""

    async def make(text, **options):
        return await described(options.pop("library", quick), text, monkeypatch, **options)

    return make


async def test_an_image_is_found_by_its_words_and_by_words_that_mean_alike(quick, described_by):
    """A dog on a beach is found by "dog", by "puppy at the ocean", and not by an invoice."""
    dog = await described_by("A dog runs on the beach.")
    await described_by("A signed contract in a folder.")
    assert (await find(quick, "dog")) == [dog]
    assert (await find(quick, "puppy at the ocean shore"))[0] == dog
    assert dog not in await find(quick, "unpaid invoice")


async def test_first_in_both_lists_scores_one(quick, described_by):
    """What fits best by words and by meaning has the score 1, and all scores lie in 0 to 1, highest first."""
    best = await described_by("A red truck at a gate.")
    await described_by("A red car at a crossing.")
    await described_by("A truck.")
    found = await hits(quick, "red truck at a gate")
    assert found[0].asset.id == best
    assert found[0].score == 1
    scores = [one.score for one in found]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score < 1 for score in scores[1:])


async def test_completed_means_searchable(quick, described_by, monkeypatch):
    """An image is found as soon as its description is completed, and never before; one that is never indexed is never found."""
    asset_id = await quick.take_in(title="lighthouse")
    assert await find(quick, "lighthouse") == []
    await quick.services.pictures.make_variants(quick.scope, asset_id, 1)
    await quick.services.descriptions.read_text(quick.scope, asset_id, 1)
    assert await find(quick, "lighthouse") == []
    await quick.services.descriptions.describe(quick.scope, asset_id, 1)
    assert await find(quick, "lighthouse") == [asset_id]
    skipped = await quick.take_in(title="lighthouse", auto_describe=False)
    await quick.services.pictures.make_variants(quick.scope, skipped, 1)
    assert await find(quick, "lighthouse") == [asset_id]


async def test_deleted_images_vanish_and_restored_ones_return(quick, described_by):
    """In the trash nothing is found; out of it again it is, without being embedded anew."""
    asset_id = await described_by("A glacier in the mountains.")
    await quick.services.trash.delete(quick.scope, asset_id)
    assert await find(quick, "glacier") == []
    await quick.services.trash.restore(quick.scope, asset_id)
    assert await find(quick, "glacier") == [asset_id]


async def test_tenants_are_apart(quick, described_by):
    """The same picture in two libraries is found in each once."""
    mine = await described_by("A glacier in the mountains.")
    other = await quick.neighbour()
    theirs = await described_by("A glacier in the mountains.", library=other)
    assert await find(quick, "glacier") == [mine]
    assert await find(other, "glacier in the mountains") == [theirs]


async def test_equally_good_images_score_alike_and_come_newest_first(quick, described_by):
    """Three pictures with the same words have one score; the newest is first."""
    ids = [await described_by("A windmill.") for _ in range(3)]
    found = await hits(quick, "windmill")
    assert [one.asset.id for one in found] == ids[::-1]
    assert len({one.score for one in found}) == 1


async def test_limit_and_threshold(quick, described_by):
    """At most `limit` images, none below the threshold, one exactly at it stays."""
    for text in ("A red truck at a gate.", "A red truck.", "A truck."):
        await described_by(text)
    found = await hits(quick, "red truck at a gate")
    assert len(found) == 3
    assert await find(quick, "red truck at a gate", limit=2) == [one.asset.id for one in found[:2]]
    at = found[1].score
    assert [one.score for one in await hits(quick, "red truck at a gate", threshold=at)] == [
        one.score for one in found[:2]
    ]


async def test_joined_weighs_picture_and_text(quick, described_by):
    """Joined is the weighted mean of the vision score and of that of the client's own words; without words the latter is 0."""
    shown = await described_by("A red truck at a gate.")
    said = await described_by("A cat on a sofa.", document={"caption": "red truck at a gate", "camera": 7})
    both = await described_by("A red truck at a gate.", document={"note": "red truck at a gate"})
    vision = {one.asset.id: one.score for one in await hits(quick, "red truck at a gate")}
    assert said not in vision
    assert vision[both] == vision[shown] == 1
    joined = {
        one.asset.id: one
        for one in await hits(quick, "red truck at a gate", mode="joined", image_weight=3, text_weight=1)
    }
    assert joined[both].score == 1
    assert joined[shown].score == pytest.approx(0.75)
    assert joined[said].score == pytest.approx(0.25)
    assert joined[said].document == '{"caption": "red truck at a gate", "camera": 7}'
    assert joined[shown].document is None
    only_text = await find(quick, "red truck at a gate", mode="joined", image_weight=0, text_weight=2)
    assert set(only_text) == {said, both}
    assert set(await find(quick, "red truck at a gate", mode="joined", text_weight=0)) == {shown, both}


async def test_all_words_come_before_some_and_rare_ones_count_more(quick, described_by):
    """Among words alone, images with every word come first, then those with the rarer one."""
    for _ in range(6):
        await described_by("A harbour at noon.")
    rare = await described_by("A zeppelin at noon.")
    both = await described_by("A harbour with a zeppelin.")
    words_alone = ImageSearchService(quick.services.image_search._database, _Missing())
    found = await find(quick, "zeppelin harbour", words_alone, limit=3)
    assert found[:2] == [both, rare]


class _Missing:
    """An embedder whose model is not installed."""

    model = "missing"
    dimension = 4

    def embed(self, texts):
        """As it is where the package has no build."""
        raise Unavailable("the text embedding model is not installed")


async def test_without_a_model_words_alone_are_searched(quick, described_by):
    """Where no model is installed images are found by their words, and the best one still scores 1."""
    dog = await described_by("A dog runs on the beach.")
    words_alone = ImageSearchService(quick.services.image_search._database, _Missing())
    found = await hits(quick, "dog on the beach", words_alone)
    assert [(one.asset.id, one.score) for one in found] == [(dog, 1.0)]
    assert await hits(quick, "puppy", words_alone) == []


@pytest.mark.parametrize(
    "text",
    [
        "?!",
        "...",
        "😀",
        "the",
        "of the and",
        "x" * 2000,
        "red " * 500,
        "犬",
        "東京タワーの夜景",
        "\u202e",
        "a'b\\c:*&|!<->",
        "50% off_",
    ],
)
async def test_odd_questions_have_sensible_answers(quick, described_by, text):
    """Punctuation, emoji, stop words, very long and foreign questions are answered, by nothing where nothing fits."""
    await described_by("A dog runs on a beach.")
    assert await find(quick, text) == []


async def test_a_stop_word_alone_is_a_word(quick, described_by):
    """Who asks for nothing but "the" finds the pictures that speak of it."""
    asset_id = await described_by("The gate.")
    await described_by("A gate.")
    assert await find(quick, "the") == [asset_id]


async def test_chinese_and_japanese_are_found_by_pieces(quick, described_by):
    """A question in Japanese finds a picture by the pairs of characters they share."""
    asset_id = await described_by("東京タワーの夜景")
    assert asset_id in await find(quick, "夜景")
    assert asset_id in await find(quick, "東京の写真")
