"""Answers made of a wire model, without validating once more what we built ourselves."""

from __future__ import annotations

import json

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_jsonable_python
from starlette.responses import Response


def to_json(model: BaseModel) -> str:
    """A model as JSON, escaped where it repeats halves of surrogate pairs of a client's, which UTF-8 cannot carry."""
    try:
        return model.model_dump_json()
    except PydanticSerializationError:
        return json.dumps(model.model_dump(mode="python"), default=to_jsonable_python)


class ModelResponse(Response):
    """A JSON answer of exactly the model's keys."""

    media_type = "application/json"

    def __init__(self, model: BaseModel, status_code: int = 200) -> None:
        super().__init__(to_json(model).encode(), status_code)
