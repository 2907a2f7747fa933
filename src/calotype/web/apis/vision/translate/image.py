"""Images between the wire and the domain."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, cast

import orjson
from pydantic_core import PydanticCustomError

from calotype.domain.asset import State
from calotype.domain.custom_metadata import custom_metadata
from calotype.domain.errors import InvalidInput
from calotype.domain.image import ImageRequest, LibraryImage, image_of
from calotype.domain.image_search import FoundImage, ImageQuery, ImageSearchMode
from calotype.domain.listing import AssetFilter, PageRequest, RecordedRange, SortKey
from calotype.web.apis.vision.translate.ids import ids_from_wire
from calotype.web.apis.vision.translate.links import Link
from calotype.web.apis.vision.wire import image as wire
from calotype.web.apis.vision.wire.values import is_absent, parse_number, parse_object, single

_STATUS = {State.PENDING: 1, State.PROCESSING: 1, State.COMPLETED: 2, State.FAILED: 3}
_FIELD = "filters.recorded_timestamp_utc"
_EMPTY = "{}"
_FAR = 2**40  # an offset beyond every list


def image_to_wire(image: LibraryImage, link: Link) -> wire.Image:
    """An image, its custom metadata as it was sent."""
    return {
        "image_id": image.id,
        "image_url": link(image.id),
        "indexing_status": _STATUS.get(image.indexing, 0) if image.indexing else 0,
        "upload_timestamp": image.uploaded_at.timestamp(),
        "image_metadata": _metadata(image.document),
    }


def images_to_wire(images: Iterable[LibraryImage], link: Link) -> wire.Images:
    """Several images."""
    return {"results": [image_to_wire(image, link) for image in images]}


def _metadata(document: str | None) -> dict[str, Any]:
    # Put into the answer as the text it is, because taking it apart could change it.
    return cast("dict[str, Any]", orjson.Fragment(document or _EMPTY))


def requests_from_wire(metadata: wire.UploadMetadata) -> list[ImageRequest] | None:
    """What is wanted of each image; None where nothing was said. Raises InvalidInput for metadata nested too deeply."""
    if metadata.requests is None:
        return None
    return [_request(index, request) for index, request in enumerate(metadata.requests)]


def _request(index: int, request: wire.UploadRequest) -> ImageRequest:
    custom = custom_metadata(request.metadata, f"metadata.requests[{index}].metadata")
    return ImageRequest(request.indexing_config.index, custom)


def filter_from_wire(request: wire.ListRequest, media_type: str) -> AssetFilter:
    """What a listing asks for. Raises InvalidInput for a comparison that cannot be meant."""
    stamp = request.filters.recorded_timestamp_utc
    return AssetFilter(
        media_types=(media_type,),
        ids=ids_from_wire(request.image_ids) if request.image_ids else None,
        recorded=recorded_from_wire(stamp.operator, stamp.value) if stamp else None,
    )


def page_from_wire(limit: int, offset: int) -> PageRequest:
    """Newest first."""
    return PageRequest(SortKey.CREATED_AT, descending=True, limit=limit, offset=min(offset, _FAR))


def recorded_from_wire(operator: str, value: Any) -> RecordedRange:
    """A comparison of the time of recording. Raises InvalidInput naming the part of it that is wrong."""
    if operator == "range":
        return _range(value)
    number = _number(value, "value")
    match operator:
        case "eq":
            return RecordedRange(number, number)
        case "gt":
            return RecordedRange(lowest=number, includes_lowest=False)
        case "gte":
            return RecordedRange(lowest=number)
        case "lt":
            return RecordedRange(highest=number, includes_highest=False)
        case _:
            return RecordedRange(highest=number)


def _range(value: Any) -> RecordedRange:
    try:
        ends = parse_object(value)
    except PydanticCustomError as error:
        raise InvalidInput("value must be an object with _from, _to or both", field=f"{_FIELD}.value") from error
    lowest, highest = (
        None if is_absent(ends.get(name)) else _number(ends[name], f"value.{name}") for name in ("_from", "_to")
    )
    if lowest is None and highest is None:
        raise InvalidInput("value must have _from, _to or both", field=f"{_FIELD}.value")
    if lowest is not None and highest is not None and lowest > highest:
        raise InvalidInput("_from must not be after _to", field=f"{_FIELD}.value")
    return RecordedRange(lowest, highest)


def _number(value: Any, name: str) -> Decimal:
    try:
        return parse_number(value)
    except PydanticCustomError as error:
        raise InvalidInput(f"{name} must be a number", field=f"{_FIELD}.{name}") from error


def query_from_wire(request: wire.SearchRequest) -> ImageQuery:
    """What is looked for. Raises InvalidInput for an empty query and for weights that cannot be meant."""
    if not request.query.strip():
        raise InvalidInput("query must not be empty", field="query")
    mode = ImageSearchMode(request.search_mode)
    if mode is ImageSearchMode.VISION:
        return ImageQuery(request.query, request.max_results, request.threshold)
    weights = [_weight(getattr(request, name), name) for name in ("image_weight", "text_weight")]
    if not any(weights):
        raise InvalidInput("image_weight and text_weight must not both be 0", field="image_weight")
    return ImageQuery(request.query, request.max_results, request.threshold, mode, *weights)


def _weight(value: Any, name: str) -> float:
    if value is None:
        return 0.5
    try:
        weight = float(parse_number(single(value)))
    except PydanticCustomError as error:
        raise InvalidInput(f"{name} must be a number", field=name) from error
    if not 0 <= weight <= 1e100:
        raise InvalidInput(f"{name} must be at least 0", field=name)
    return weight


def found_to_wire(found: Iterable[FoundImage], link: Link) -> wire.FoundImages:
    """The results of a search."""
    return {"results": [_found(result, link) for result in found]}


def _found(result: FoundImage, link: Link) -> wire.Found:
    image = image_to_wire(image_of(result.asset, result.document), link)
    return {
        "image_id": image["image_id"],
        "image_url": image["image_url"],
        "image_metadata": image["image_metadata"],
        "upload_timestamp": image["upload_timestamp"],
        "score": result.score,
    }
