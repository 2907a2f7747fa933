"""Agent search through the Files API: what answers look like by section 11, and what holds of each of them."""

from __future__ import annotations

import re

from tests.contracts.file_texts import score
from tests.contracts.shapes import (
    conforms,
    count,
    each,
    expect,
    integer,
    null,
    nullable,
    number,
    one_of,
    shaped,
    text,
    url,
    uuid,
)

AGENTS = "/api/v2/agents/search"
MODES = one_of("text", "vector", "hybrid", "browse")


def _object(value):
    return isinstance(value, dict)


REF = {
    "count": count,
    "ids": each(text),
    "image_ids": each(text),
    "id_type": one_of("image", "document", "chunk", "video", "link"),
    "label": text,
}


def _refs(value):
    return isinstance(value, dict) and all(shaped(REF)(ref) for ref in value.values())


COMMON = {
    "success": one_of(True),
    "count": count,
    "summary": text,
    "summary_raw": text,
    "result_refs": _refs,
    "search_strategy": nullable(_object),
    "execution_time_ms": integer,
    "iterations": one_of(1),
    "token_usage": null,
}
IMAGE = {
    "image_id": uuid,
    "score": score,
    "filename": nullable(text),
    "title": nullable(text),
    "description": nullable(text),
    "folder_id": nullable(text),
    "thumbnail_url": nullable(url),
    "features": nullable(each(_object)),
}
CHUNK = {
    "chunk_id": text,
    "document_id": uuid,
    "document_filename": text,
    "text": text,
    "score": score,
    "page_numbers": nullable(each(integer)),
    "chunk_index": nullable(count),
}
SCENE = {
    "scene_id": text,
    "scene_index": count,
    "start_time": number,
    "end_time": number,
    "time_range_formatted": text,
    "description": text,
    "tags": each(text),
    "score": score,
    "thumbnail_url": nullable(text),
}
VIDEO = {
    "video_id": uuid,
    "video_filename": text,
    "video_description": text,
    "duration_seconds": nullable(number),
    "resolution": nullable(text),
    "thumbnail_url": nullable(url),
    "score": score,
    "matched_scenes": each(shaped(SCENE)),
}
SHAPES = {
    "images": {**COMMON, "results": each(shaped(IMAGE)), "result_ids": each(uuid)},
    "documents": {
        **COMMON,
        "results": each(shaped(CHUNK)),
        "chunk_ids": each(text),
        "document_ids": each(uuid),
        "search_mode": MODES,
    },
    "videos": {**COMMON, "results": each(shaped(VIDEO)), "video_ids": each(uuid), "search_mode": MODES},
}
KINDS = tuple(SHAPES)
RESTRICTIONS = {"images": "image_ids", "documents": "document_ids", "videos": "video_ids"}


def ask(client, kind, query, **body):
    """Search one kind of media; returns the answer, which is coherent in itself."""
    found = expect(client.post(f"{AGENTS}/{kind}", json={"query": query, **body}), SHAPES[kind])
    results = found["results"]
    assert found["count"] == len(results) <= body.get("limit", 50)
    scores = [one["score"] for one in results]
    assert scores == sorted(scores, reverse=True)
    _check_ids(found, kind)
    _check_refs(found, kind)
    if kind != "images":
        assert (found["search_mode"] == "browse") == (query.strip() == "*")
    return found


def _check_ids(found, kind):
    """The lists of ids are those of the results, in their order."""
    results = found["results"]
    if kind == "documents":
        assert found["chunk_ids"] == [one["chunk_id"] for one in results]
        assert found["document_ids"] == list(dict.fromkeys(one["document_id"] for one in results))
    else:
        key, ids = ("image_id", "result_ids") if kind == "images" else ("video_id", "video_ids")
        assert found[ids] == [one[key] for one in results]
        assert len(set(found[ids])) == len(found[ids])


def _check_refs(found, kind):
    """The summary has numbers where the raw one has references, and each reference counts the ids it holds."""
    refs = found["result_refs"]
    named = re.findall(r"\[\[ref:([^\]]+)\]\]", found["summary_raw"])
    assert set(named) == refs.keys() or not found["count"]
    filled = re.sub(r"\[\[ref:([^\]]+)\]\]", lambda match: str(refs[match[1]]["count"]), found["summary_raw"])
    assert filled == found["summary"]
    for ref in refs.values():
        conforms(ref, REF)
        assert ref["count"] == len(ref["ids"])
        assert ref["image_ids"] == (ref["ids"] if ref["id_type"] == "image" else [])
    held = {ref["id_type"]: ref["ids"] for ref in refs.values()}
    expected = {
        "images": lambda: {"image": found["result_ids"]},
        "documents": lambda: {"chunk": found["chunk_ids"], "document": found["document_ids"]},
        "videos": lambda: {"video": found["video_ids"]},
    }[kind]()
    if found["count"]:
        assert held == expected


def found_ids(client, kind, query, **body):
    """The ids of the media that were found, in order."""
    found = ask(client, kind, query, **body)
    return found[{"images": "result_ids", "documents": "document_ids", "videos": "video_ids"}[kind]]
