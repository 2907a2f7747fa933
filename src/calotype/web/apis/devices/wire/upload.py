"""Uploads of devices."""

from __future__ import annotations

from calotype.web.shared.wire_model import Wire


class UploadForm(Wire):
    """The text fields of an upload, beside its file `image`; `metadata` is JSON text, `batch_id` insists on one batch."""

    metadata: str | None = None
    batch_id: str | None = None


class Uploaded(Wire):
    """An image that was taken."""

    image_id: str
    batch_id: str
    storage_key: str
    duplicate: bool
