"""What the models of wire formats have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Wire(BaseModel):
    """The base of models: unknown keys are ignored, made objects do not change."""

    model_config = ConfigDict(extra="ignore", frozen=True)
