"""Analyses between wire and domain."""

from __future__ import annotations

from collections.abc import Sequence

from calotype.domain.analysis import AnalysisEvent, Begun, Complete, Failed, Result, WantedImage
from calotype.domain.descriptive_metadata import DescriptiveMetadata
from calotype.web.apis.analysis.wire import analysis as wire
from calotype.web.apis.analysis.wire import event
from calotype.web.apis.analysis.wire.values import CamelWire


def wanted_from_wire(images: Sequence[wire.WantedImage]) -> list[WantedImage]:
    """What a client wants analysed; what it calls the files is of no interest."""
    return [WantedImage(image.id, image.upload_path, f"images[{place}]") for place, image in enumerate(images)]


def single_from_wire(image: wire.WantedImage) -> WantedImage:
    """The only image that a client wants analysed."""
    return WantedImage(image.id, image.upload_path)


def event_to_wire(told: AnalysisEvent) -> tuple[str, CamelWire]:
    """The name of an event, and its data."""
    match told.told:
        case Begun(image_id, current, total):
            return "progress", event.ProgressEvent(image_id=image_id, current=current, total=total)
        case Result(image_id, metadata):
            return "result", event.ResultEvent(image_id=image_id, metadata=_metadata_to_wire(metadata))
        case Failed(image_id, failure):
            return "error", event.ErrorEvent(image_id=image_id, error=failure.message, code=failure.code.value)
        case Complete() as complete:
            return "complete", event.CompleteEvent(
                status=complete.outcome.value,
                processed=complete.processed,
                failed=complete.failed,
                total=complete.total,
                credits_used=complete.credits_used,
                credits_remaining=complete.credits_remaining,
            )


def single_to_wire(result: Result, complete: Complete) -> wire.SingleResult:
    """The answer to a single image."""
    return wire.SingleResult(
        image_id=result.image_id,
        metadata=_metadata_to_wire(result.metadata),
        credits_used=complete.credits_used,
        credits_remaining=complete.credits_remaining,
    )


def _metadata_to_wire(metadata: DescriptiveMetadata) -> event.Metadata:
    return event.Metadata(
        title=metadata.title,
        alt=metadata.alt,
        caption=metadata.caption,
        description=metadata.description,
        filename=metadata.filename,
        seo_tags=list(metadata.tags),
    )
