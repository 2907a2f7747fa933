"""Between the domain and the Files API's models: pure functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from calotype.domain.asset import Asset, DescriptionRecord, Operation, OperationType, State
from calotype.domain.asset_detail import AssetDetail
from calotype.domain.deletion import Deletion, Fate
from calotype.domain.document import DOCUMENT
from calotype.domain.link import LINK
from calotype.domain.listing import AssetFilter, AssetPage, PageRequest, SearchMode, SortKey
from calotype.domain.picture import VariantName
from calotype.web.apis.files.translate.document import document_keys
from calotype.web.apis.files.translate.link import link_keys
from calotype.web.apis.files.translate.video import PlaybackLink, video_keys
from calotype.web.apis.files.wire import file as wire
from calotype.web.shared.annotation import annotation_to_wire
from calotype.web.shared.wire_values import parse_uuid

COUNTED_VARIANTS = (
    VariantName.TINY_64,
    VariantName.SMALL_256,
    VariantName.MEDIUM_750,
    VariantName.LARGE_1024,
)
"""The seed's names beside `original`; `medium_512` is served but not counted."""

# A folder id that no folder can have: an unknown folder is an empty list, not an error.
_NO_FOLDER = UUID(int=0)

VariantLink = Callable[[Asset, VariantName], str | None]
OriginalLink = Callable[[Asset], str]


def filter_from_wire(query: wire.ListQuery) -> AssetFilter:
    """What a listing's query asks for."""
    return AssetFilter(
        search=query.search,
        search_mode=SearchMode(query.search_mode),
        tags=tuple(query.tags),
        media_types=tuple(query.media_types),
        folder_id=_folder_from_wire(query.folder_id),
        has_description=query.has_description,
        ids=tuple(query.ids) if query.ids else None,
        created_from=query.date_from,
        created_to=query.date_to,
    )


def _folder_from_wire(value: str | None) -> UUID | None:
    if value is None or not value.strip():
        return None
    try:
        return parse_uuid(value)
    except ValueError:
        return _NO_FOLDER


def page_from_wire(query: wire.ListQuery) -> PageRequest:
    """Order and window of a listing."""
    return PageRequest(
        sort_by=SortKey(query.sort_by),
        descending=query.sort_order == "desc",
        limit=query.limit,
        offset=query.offset,
    )


def variant_status(asset: Asset) -> str | None:
    """The state of an asset's variants in the wire's words."""
    return asset.variant_status.value if asset.variant_status else None


def description_status(state: State | None) -> str | None:
    """The state of an asset's description in the wire's words."""
    return state.value if state else None


def variant_count(asset: Asset) -> int | None:
    """How many of the seed's five names exist, the original included; None of documents and links, which only have a preview."""
    if asset.media_type in {DOCUMENT, LINK}:
        return None
    return 1 + sum(name in asset.variants for name in COUNTED_VARIANTS)


def dimensions(asset: Asset) -> dict[str, int]:
    """Size as displayed, or nothing until it is known."""
    if asset.width is None or asset.height is None:
        return {}
    return {"width": asset.width, "height": asset.height}


def item_to_wire(asset: Asset, link: VariantLink) -> wire.FileItem:
    """One file of a listing."""
    return wire.FileItem(
        id=asset.id,
        title=asset.title,
        filename=asset.original_filename or None,
        thumbnail_url=link(asset, VariantName.SMALL_256),
        upload_description=asset.description,
        visible_text=asset.visible_text,
        tags=list(asset.tags),
        size_bytes=asset.size_bytes,
        created_at=asset.created_at,
        content_created_at=asset.captured_at,
        has_full_description=asset.has_description,
        dimensions=dimensions(asset),
        format=asset.format,
        variant_status=variant_status(asset),
        variant_count=variant_count(asset),
        medium_url=link(asset, VariantName.MEDIUM_750),
        full_url=link(asset, VariantName.LARGE_1024),
        blur_hash=asset.blur_hash,
        description_status=description_status(asset.description_status),
        description_error=asset.description_error,
        confidence_score=asset.confidence,
        content_type=asset.content_type,
        media_type=asset.media_type,
        folder_id=asset.folder_id,
        deleted_at=asset.deleted_at,
        variant_error=asset.variant_error,
    )


def page_to_wire(page: AssetPage, link: VariantLink, playback: PlaybackLink, original: OriginalLink) -> wire.FileList:
    """A page of a listing."""
    return wire.FileList(
        files=[_item_of_page(asset, page, link, playback, original) for asset in page.assets],
        total_count=page.total_count,
        has_more=page.has_more,
    )


def _item_of_page(
    asset: Asset, page: AssetPage, link: VariantLink, playback: PlaybackLink, original: OriginalLink
) -> wire.FileItem:
    """One file of a listing, with the keys that only its media type has."""
    item = item_to_wire(asset, link)
    if video := page.videos.get(asset.id):
        return wire.VideoItem(**{**dict(item), **video_keys(video, playback)})
    if document := page.documents.get(asset.id):
        return wire.DocumentItem(**{**dict(item), **document_keys(document, original(asset))})
    if found := page.links.get(asset.id):
        return wire.LinkItem(**{**dict(item), **link_keys(found)})
    return item


def detail_to_wire(
    detail: AssetDetail, link: VariantLink, original: OriginalLink, playback: PlaybackLink
) -> wire.FileDetail:
    """One file with its history, with annotations if a device sent it, and with the keys that only its media type has."""
    known = _known_to_wire(detail, link, original)
    if detail.video is not None:
        return wire.VideoDetail(**dict(known) | video_keys(detail.video, playback))
    if detail.document is not None:
        return wire.DocumentDetail(**dict(known) | document_keys(detail.document, original(detail.asset)))
    if detail.link is not None:
        return wire.LinkDetail(**dict(known) | link_keys(detail.link))
    if detail.annotations is None:
        return known
    return wire.AnnotatedFileDetail(
        **dict(known), annotations=[annotation_to_wire(seen) for seen in detail.annotations]
    )


def _known_to_wire(detail: AssetDetail, link: VariantLink, original: OriginalLink) -> wire.FileDetail:
    """The keys that files of every media type have."""
    asset = detail.asset
    return wire.FileDetail(
        id=asset.id,
        object_key=asset.public_key,
        title=asset.title,
        tags=list(asset.tags),
        size_bytes=asset.size_bytes,
        content_type=asset.content_type,
        dimensions=dimensions(asset),
        format=asset.format,
        full_url=link(asset, VariantName.LARGE_1024),
        thumbnail_url=link(asset, VariantName.SMALL_256),
        medium_url=link(asset, VariantName.MEDIUM_750),
        original_url=original(asset) if asset.media_type != LINK else None,
        variant_status=variant_status(asset),
        variant_count=variant_count(asset),
        upload_description=asset.description,
        visible_text=asset.visible_text,
        description_generated_at=asset.described_at,
        full_descriptions=[_description_to_wire(made) for made in detail.descriptions],
        created_at=asset.created_at,
        updated_at=asset.updated_at,
        content_created_at=asset.captured_at,
        upload_method=asset.upload_method.value,
        original_filename=asset.original_filename or None,
        hash=f"sha256:{asset.checksum}" if asset.checksum else "",
        processing_history=[_step_to_wire(step) for step in detail.operations],
        blur_hash=asset.blur_hash,
        description_status=description_status(asset.description_status),
        media_type=asset.media_type,
        folder_id=asset.folder_id,
    )


def _description_to_wire(made: DescriptionRecord) -> wire.FullDescription:
    return wire.FullDescription(
        id=made.id,
        description=made.description,
        visible_text=made.visible_text,
        confidence_score=made.confidence,
        providers_used=list(made.providers),
        verification_level=made.verification_level,
        processing_time_ms=made.processing_time_ms,
        created_at=made.created_at,
    )


def _step_to_wire(step: Operation) -> wire.ProcessingStep:
    return wire.ProcessingStep(
        id=step.id,
        operation_type=operation_to_wire(step.type),
        status=step.status.value,
        created_at=step.created_at,
        completed_at=step.completed_at,
        error_message=step.error_message,
    )


def changes_from_wire(body: wire.UpdateRequest) -> dict[str, Any]:
    """What is to become of which field; those that were not sent are absent."""
    return {name: getattr(body, name) for name in body.model_fields_set}


def updated_to_wire(asset: Asset) -> wire.UpdateAnswer:
    """A file after PATCH."""
    return wire.UpdateAnswer(id=asset.id, title=asset.title, tags=list(asset.tags), updated_at=asset.updated_at)


def operation_to_wire(kind: OperationType) -> str:
    """A step's name in the wire's words."""
    return kind.value


def batch_to_wire(outcomes: Sequence[Deletion]) -> wire.BatchDeleteAnswer:
    """What became of a batch, sorted into the three lists."""
    items = [
        wire.BatchDeleteItem(
            id=outcome.asset_id,
            status=outcome.fate.value,
            message=outcome.message,
            deleted_at=outcome.deleted_at,
        )
        for outcome in outcomes
    ]
    by_fate = {fate: [item for item in items if item.status == fate.value] for fate in Fate}
    return wire.BatchDeleteAnswer(
        deleted=by_fate[Fate.DELETED],
        skipped=by_fate[Fate.SKIPPED],
        failed=by_fate[Fate.FAILED],
        summary=wire.BatchDeleteSummary(
            total=len(items),
            deleted=len(by_fate[Fate.DELETED]),
            skipped=len(by_fate[Fate.SKIPPED]),
            failed=len(by_fate[Fate.FAILED]),
        ),
    )
