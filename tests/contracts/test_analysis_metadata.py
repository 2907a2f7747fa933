"""What is said of an image keeps to the rules, whatever the picture is and whatever a model says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.contracts.analysis import account, check, ended
from tests.contracts.analysis_models import ANSWER, refusing, shade
from tests.contracts.analysis_shapes import METADATA, sentences
from tests.contracts.photos import photo, plain, with_text
from tests.contracts.shapes import conforms
from tests.imaging.pictures import animation

_PER_FORMAT = 2
_LARGEST = 12_000_000


def of_corpus(corpus):
    """A few real pictures of every format of the corpus, as (name, bytes)."""
    found: dict[str, list[Path]] = {}
    for path in sorted(corpus.rglob("*")):
        if path.is_file() and path.stat().st_size < _LARGEST:
            found.setdefault(path.suffix.lower(), []).append(path)
    kinds = {
        ".jpg",
        ".jpeg",
        ".png",
        ".webp",
        ".gif",
        ".heic",
        ".avif",
        ".tif",
        ".tiff",
        ".dng",
        ".svg",
        ".jxl",
        ".bmp",
    }
    return [
        (path.name, path.read_bytes()) for kind in sorted(kinds & found.keys()) for path in found[kind][:_PER_FORMAT]
    ]


def metadata_of(events):
    """What each image of a stream was given."""
    return [event.data["metadata"] for event in ended(events).values() if event.name == "result"]


@pytest.mark.timeout(600)
def test_the_built_in_describer_keeps_to_the_rules_on_real_pictures(server, corpus):
    """Of every format that the corpus has; the stream's reader asserts each rule, and no filename comes twice."""
    pictures = of_corpus(corpus)
    assert len(pictures) >= 8
    session = account(server, len(pictures)).open(*pictures)
    events = session.analyze()
    check(events, session.ids())
    names = [metadata["filename"] for metadata in metadata_of(events)]
    assert len(set(names)) == len(names)


def test_the_built_in_describer_keeps_to_the_rules_on_odd_pictures(payer):
    """A single pixel, one colour, a strip, an animation, a text, transparency, names of all kinds."""
    pictures = [
        ("a.png", plain(1, 1)),
        ("...png", plain()),
        ("a" * 300 + ".png", plain(3000, 2)),
        ("moving.gif", animation()),
        ("text.jpg", with_text()),
        ("写真.jpg", photo()),
        ("image of.jpg", photo()),
        ("IMG_0001.JPG", photo(640, 480)),
    ]
    session = payer.open(*pictures)
    events = session.analyze()
    check(events, session.ids())
    assert len({metadata["filename"] for metadata in metadata_of(events)}) == len(pictures)


def test_the_built_in_describer_says_what_it_sees(payer):
    """Pictures that differ are told apart; nobody gets the same words for everything."""
    session = payer.open(plain(200, 100), photo(100, 200), with_text())
    said = metadata_of(session.analyze())
    assert len({metadata["description"] for metadata in said}) == 3
    assert all(metadata["description"] not in {"", "Image", "No description"} for metadata in said)


def test_filenames_stay_unique_over_requests(payer):
    """Alike pictures, one after the other and side by side: within a session no two images share a suggestion."""
    data = photo()
    session = payer.open(*(("a.jpg", data) for _ in range(6)))
    names = [session.single(0)["metadata"]["filename"], session.single(1)["metadata"]["filename"]]
    names += [metadata["filename"] for metadata in metadata_of(session.analyze(2, 3, 4, 5))]
    assert len(set(names)) == 6


def test_what_a_good_model_says_is_told_as_it_stands(studio_payer, model):
    """Every key of the answer, word for word."""
    session = studio_payer.open(shade(3))
    metadata = session.single()["metadata"]
    assert metadata == {
        "title": ANSWER["title"],
        "alt": ANSWER["alt"],
        "caption": ANSWER["caption"],
        "description": ANSWER["description"],
        "filename": ANSWER["filename"],
        "seoTags": ANSWER["tags"],
    }
    assert len(model.calls) == 1


def said(payer, model, **words):
    """What becomes of an answer of the model's with these words in it."""
    model.script = lambda _: ANSWER | words
    return payer.open(shade(5)).single()["metadata"]


ODD_LETTERS = ["\u0130stanbul", "\ufb01n", "\u1e9e", "\u0391\u03a3"]  # whose lower case has surprises
LONG = "a lighthouse on a cliff above the sea " * 20


@pytest.mark.parametrize(
    "words",
    [
        {"title": LONG},
        {"title": "A lighthouse."},
        {"title": "A lighthouse..."},
        {"title": "  A\n lighthouse\t. "},
        {"title": "x" * 500},
        {"title": "A" + "\u0301" * 200},
        {"alt": LONG},
        {"alt": "Image of a lighthouse"},
        {"alt": "image of image of a lighthouse"},
        {"alt": "IMAGE OF: a lighthouse"},
        {"alt": "An image of a lighthouse"},
        {"alt": '"Image of" a lighthouse'},
        {"alt": "x" * 124 + "yz"},
        {"caption": "A lighthouse. It is white. The sea is calm."},
        {"caption": "A lighthouse! Really? Yes"},
        {"caption": "  A\nlighthouse\n\nby the sea  "},
        {"description": " ".join(f"This is sentence {number}." for number in range(30))},
        {"description": LONG},
        {"filename": "White Lighthouse.jpg"},
        {"filename": "white_lighthouse_ABOVE.the.SEA.jpeg"},
        {"filename": "../../etc/passwd"},
        {"filename": "-----"},
        {"filename": ""},
        {"filename": "写真"},
        {"filename": "Größe-éà"},
        {"filename": "a-" * 100},
        {"filename": "lighthouse\u0000.png"},
        {
            "tags": ["Sea", "SEA", "sea", " sea ", "Cliff", "Coast\n"],
            "seotags": ["Sea", "SEA", "sea", " sea ", "Cliff", "Coast\n"],
        },
        {"tags": [f"tag {number}" for number in range(50)], "seotags": [f"tag {number}" for number in range(50)]},
        {"tags": ODD_LETTERS, "seotags": ODD_LETTERS},
        {
            "tags": ["", " ", "\n", "sea", "cliff", "coast"],
            "seotags": ["", " ", "\n", "sea", "cliff", "coast"],
        },
        {"title": "A \u0000 lighthouse \ud800 here"},
        {"description": "Zero \u0000 and half \udfff a pair. <script>alert(1)</script>"},
        {"title": "event: complete\ndata: {}\n\n"},
        {"title": "\u2028A lighthouse\u2029"},
        {"caption": "id: 7\r\rdata: x"},
    ],
    ids=lambda words: ascii(words)[:60],
)
def test_what_a_model_says_is_brought_into_the_rules(studio_payer, model, words):
    """Too long, too many, of the wrong form: the client never sees it, and never gets an error for what can be mended."""
    metadata = said(studio_payer, model, **words)
    conforms(metadata, METADATA)
    assert studio_payer.settled() == (20, 1)


def test_mending_keeps_what_was_said(studio_payer, model):
    """The first words stay; nothing is replaced by a stub."""
    assert said(studio_payer, model, title="Harbour at dawn.")["title"] == "Harbour at dawn"
    assert "harbour" in said(studio_payer, model, alt="Image of a harbour at dawn")["alt"].lower()
    assert said(studio_payer, model, filename="Harbour At Dawn.jpg")["filename"].startswith("harbour-at-dawn")
    caption = said(studio_payer, model, caption="A harbour at dawn. Boats lie in it.")["caption"]
    assert caption == "A harbour at dawn."
    long = said(studio_payer, model, description=" ".join(f"This is sentence {number}." for number in range(9)))
    assert long["description"].startswith("This is sentence 0. This is sentence 1.")
    assert 1 <= sentences(long["description"]) <= 4
    tags = ["Sea", "SEA", "Cliff", " Coast "]
    assert said(studio_payer, model, tags=tags, seotags=tags)["seoTags"][:3] == ["sea", "cliff", "coast"]


def test_a_name_that_is_suggested_twice_gets_another_form(studio_payer, model):
    """A model that has one name for all: they stay within 60 characters, and differ."""
    model.script = lambda _: ANSWER | {"filename": "a" * 60}
    session = studio_payer.open(*(shade(number) for number in range(12)))
    names = [metadata["filename"] for metadata in metadata_of(session.analyze())]
    assert len(set(names)) == 12


def fenced(_):
    """An answer in a code fence, as many models give it."""
    spoken = {key: ANSWER[key] for key in ("title", "alt", "caption", "description", "filename", "tags")}
    return "Here you are:\n```json\n" + json.dumps(spoken | {"seoTags": ANSWER["tags"]}) + "\n```"


NONSENSE = {
    "no JSON": "I am sorry, I cannot see any picture.",
    "empty": "",
    "null": "null",
    "a list": "[]",
    "an empty object": "{}",
    "cut off": json.dumps(ANSWER)[:40],
    "another object": '{"weather": "fine"}',
    "numbers": '{"title": 1, "alt": 2, "caption": 3, "description": 4, "filename": 5, "tags": 6, "seoTags": 6}',
    "only blanks": '{"title": " ", "alt": " ", "caption": " ", "description": " ", "filename": " ", "tags": [], "seoTags": []}',
    "deep": "[" * 50_000,
    "a large number": "9" * 10_000,
}


@pytest.mark.parametrize("words", NONSENSE)
def test_an_answer_that_cannot_be_mended_is_an_error(studio_payer, model, words):
    """An `error` event without a charge, never a stub; nothing of the answer is repeated."""
    model.script = lambda call: NONSENSE[words] if call.shade == 4 else ANSWER
    session = studio_payer.open(shade(1), shade(4))
    events = session.analyze()
    check(events, session.ids(), failed=1)
    failure = ended(events)["img_002"]
    assert failure.name == "error"
    assert "sorry" not in failure.data["error"]
    assert studio_payer.settled() == (20, 1)


def test_an_answer_in_a_code_fence_is_read(studio_payer, model):
    """What is said around it does not matter; an error would be true as well, a stub would not."""
    model.script = fenced
    session = studio_payer.open(shade(2))
    events = session.analyze()
    outcome = ended(events)["img_001"]
    if outcome.name == "result":
        assert outcome.data["metadata"]["title"] == ANSWER["title"]


def test_one_bad_answer_costs_no_other_image(studio_payer, model):
    """Seven good ones between five that no database could store or no reader could take apart."""
    bad = {1: "[" * 50_000, 3: refusing(400)(None), 5: "\x00", 7: '{"title": "\\ud800"}', 9: "null"}
    model.script = lambda call: bad.get(call.shade, ANSWER)
    session = studio_payer.open(*(shade(number) for number in range(12)))
    events = session.analyze()
    check(events, session.ids(), failed=5)
    assert {image_id for image_id, event in ended(events).items() if event.name == "error"} == {
        "img_002", "img_004", "img_006", "img_008", "img_010",
    }  # fmt: skip
    assert studio_payer.settled() == (20, 7)
