"""What programs find is told key by key, with a sentence whose numbers lead to what they count."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import UUID

import pytest
from pydantic import ValidationError

from calotype.domain.agent_search import AgentAnswer, AgentQuery, AgentSearchMode, FoundVideo
from calotype.domain.document import BlockKind, Chunk, DocumentChunk
from calotype.domain.document_search import FoundChunk
from calotype.domain.image_search import FoundImage
from calotype.domain.video_search import FoundScene
from calotype.web.apis.files.translate import agent as translate
from calotype.web.apis.files.wire import agent as wire
from tests.web.videos import NOW, SCENE, VIDEO, Described, found, scene

ONE, TWO = UUID(int=1), UUID(int=2)


def asset(identity=ONE, **values):
    """What translations read of an asset."""
    plain = {"id": identity, "original_filename": "pier.jpg", "title": None, "description": None, "folder_id": None}
    return SimpleNamespace(**{**plain, **values})


def link(_asset, name):
    """A link to a variant."""
    return f"thumbs/{name.value}"


def test_the_example_of_the_specification_comes_out():
    """One image, found by its words."""
    image = FoundImage(asset(title="North pier"), None, 0.81)
    answer = AgentAnswer(AgentSearchMode.TEXT, (image,))
    assert translate.images_to_wire(answer, 12, link).model_dump(mode="json") == {
        "success": True,
        "results": [
            {
                "image_id": str(ONE),
                "score": 0.81,
                "filename": "pier.jpg",
                "title": "North pier",
                "description": None,
                "folder_id": None,
                "thumbnail_url": "thumbs/small_256",
                "features": None,
            }
        ],
        "count": 1,
        "result_ids": [str(ONE)],
        "summary": "Found 1 image",
        "summary_raw": "Found [[ref:search_1]] image",
        "result_refs": {
            "search_1": {"count": 1, "ids": [str(ONE)], "image_ids": [str(ONE)], "id_type": "image", "label": "images"}
        },
        "search_strategy": {"mode": "text"},
        "execution_time_ms": 12,
        "iterations": 1,
        "token_usage": None,
    }


@pytest.mark.parametrize(("count", "sentence"), [(0, "Found 0 images"), (2, "Found 2 images")])
def test_several_are_spoken_of_as_several(count, sentence):
    """Only one is one; the folder is told."""
    images = [FoundImage(asset(UUID(int=number), folder_id=TWO), None, 1.0) for number in range(count)]
    told = translate.images_to_wire(AgentAnswer(AgentSearchMode.BROWSE, tuple(images)), 0, link)
    assert (told.summary, told.count) == (sentence, count)
    assert told.summary_raw.replace("[[ref:search_1]]", str(count)) == sentence
    assert all(result.folder_id == str(TWO) for result in told.results)


def test_passages_and_their_documents_are_counted_apart():
    """One number counts chunks, a second one documents, each only once."""
    chunk = Chunk(3, "The crane.", (1, 2), ("Cranes",), BlockKind.PARAGRAPH, 2)
    hits = tuple(
        FoundChunk(DocumentChunk(UUID(int=place), ONE, chunk, NOW), asset(original_filename="a.pdf"), 0.5)
        for place in (5, 6)
    )
    told = translate.documents_to_wire(AgentAnswer(AgentSearchMode.HYBRID, hits), 3).model_dump(mode="json")
    assert told["results"][0] == {
        "chunk_id": str(UUID(int=5)),
        "document_id": str(ONE),
        "document_filename": "a.pdf",
        "text": "The crane.",
        "score": 0.5,
        "page_numbers": [1, 2],
        "chunk_index": 3,
    }
    assert told["summary"] == "Found 2 chunks in 1 document"
    assert told["summary_raw"] == "Found [[ref:search_1]] chunks in [[ref:search_2]] document"
    assert told["chunk_ids"] == told["result_refs"]["search_1"]["ids"] == [str(UUID(int=5)), str(UUID(int=6))]
    assert told["document_ids"] == told["result_refs"]["search_2"]["ids"] == [str(ONE)]
    assert [ref["id_type"] for ref in told["result_refs"].values()] == ["chunk", "document"]
    assert all(ref["image_ids"] == [] for ref in told["result_refs"].values())
    assert told["search_mode"] == "hybrid"


def test_videos_show_the_scenes_that_fit():
    """With what their containers say; what is not known is null, but a description is never."""
    video = found(Described(original_filename="dock.mp4"))
    hit = FoundVideo(video, (FoundScene(scene(), video, 0.7),), 0.9)
    bare = FoundVideo(found(Described(original_filename="later.mp4"), probe=None), (), 0.1)
    answer = AgentAnswer(AgentSearchMode.VECTOR, (hit, bare))
    told = translate.videos_to_wire(answer, 3, link, lambda found: f"scenes/{found}").model_dump(mode="json")
    assert told["results"][0] == {
        "video_id": str(VIDEO),
        "video_filename": "dock.mp4",
        "video_description": "",
        "duration_seconds": 42.48,
        "resolution": "1280x720",
        "thumbnail_url": "thumbs/small_256",
        "score": 0.9,
        "matched_scenes": [
            {
                "scene_id": str(SCENE),
                "scene_index": 1,
                "start_time": 15.0,
                "end_time": 30.0,
                "time_range_formatted": "0:15-0:30",
                "description": "A forklift.",
                "tags": ["dock"],
                "score": 0.7,
                "thumbnail_url": f"scenes/{SCENE}",
            }
        ],
    }
    assert (told["results"][1]["duration_seconds"], told["results"][1]["resolution"]) == (None, None)
    assert told["video_ids"] == [str(VIDEO), str(VIDEO)]
    assert (told["summary"], told["search_mode"]) == ("Found 2 videos", "vector")
    assert told["result_refs"]["search_1"]["id_type"] == "video"


def test_requests_become_questions():
    """What is left out means everything, what is empty nothing; ids may be in any letter case."""
    assert translate.image_query_from_wire(wire.ImageRequest(query="a")) == AgentQuery("a")
    given = wire.ImageRequest(query=" a ", limit=500, folder_id=str(ONE).upper(), image_ids=[])
    assert translate.image_query_from_wire(given) == AgentQuery(" a ", 500, ONE, ())
    documents = wire.DocumentRequest(query="a", document_types=["pdf"], document_ids=[str(TWO)])
    assert translate.document_query_from_wire(documents) == AgentQuery("a", ids=(TWO,), formats=("pdf",))
    videos = wire.VideoRequest(query="*", video_ids=None, folder_id=None)
    assert translate.video_query_from_wire(videos).is_browsing
    assert not translate.video_query_from_wire(wire.VideoRequest(query="*.jpg")).is_browsing


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": ""},
        {"query": " \n\u3000"},
        {"query": "a" * 2001},
        {"query": "a\x00"},
        {"query": 7},
        {"query": "a", "limit": 0},
        {"query": "a", "limit": 501},
        {"query": "a", "limit": "5"},
        {"query": "a", "document_ids": ["nonsense"]},
        {"query": "a", "document_types": ["exe"]},
        {"query": "a", "document_types": "pdf"},
    ],
)
def test_malformed_requests_are_refused(body):
    """Blank or too long questions, limits out of range, ids and types that are none."""
    with pytest.raises(ValidationError):
        wire.DocumentRequest.model_validate(body)
