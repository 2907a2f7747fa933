"""Lists in JSON bodies have an end, also where the format itself sets none."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from calotype.web.apis.devices.wire import webhook
from calotype.web.apis.files.wire import agent, document

SEARCH = {"query": "tower"}
ID = "6f0c5d0e-2c55-4d0b-9d5e-0f6a3b9f7a11"


@pytest.mark.parametrize(
    ("model", "rest", "name", "item", "most"),
    [
        (document.SearchRequest, SEARCH, "document_ids", ID, 10_000),
        (agent.ImageRequest, SEARCH, "image_ids", ID, 10_000),
        (agent.DocumentRequest, SEARCH, "document_ids", ID, 10_000),
        (agent.DocumentRequest, SEARCH, "document_types", "pdf", 100),
        (agent.VideoRequest, SEARCH, "video_ids", ID, 10_000),
        (webhook.CreateWebhookRequest, {"url": "https://a.example"}, "events", "batch.closed", 100),
    ],
)
def test_a_list_has_an_end(model, rest, name, item, most):
    """What is longer is one fault, and none of its items is looked at."""
    assert len(getattr(model.model_validate({**rest, name: [item] * most}), name)) == most
    with pytest.raises(ValidationError) as refusal:
        model.model_validate({**rest, name: [7] * (most + 1)})
    assert [(fault["loc"], fault["type"]) for fault in refusal.value.errors()] == [((name,), "too_long")]
