"""Sessions between wire and domain."""

from __future__ import annotations

from calotype.domain.analysis_session import AnalysisSession, SessionImage
from calotype.web.apis.analysis.wire import session as wire


def uploaded_to_wire(session: AnalysisSession) -> wire.UploadedImages:
    """The answer to an upload: the images that came with it."""
    return wire.UploadedImages(
        session_id=session.id,
        expires_at=session.expires_at,
        images=[_image_to_wire(image) for image in session.images],
    )


def session_to_wire(session: AnalysisSession) -> wire.Session:
    """A session with all its images."""
    return wire.Session(
        session_id=session.id,
        created_at=session.created_at,
        expires_at=session.expires_at,
        images=[_image_to_wire(image) for image in session.images],
    )


def _image_to_wire(image: SessionImage) -> wire.SessionImage:
    return wire.SessionImage(
        id=image.id,
        upload_path=image.upload_path,
        original_filename=image.original_filename,
        size_bytes=image.size_bytes,
        asset_id=str(image.asset_id),
    )
