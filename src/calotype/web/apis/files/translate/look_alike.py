"""Look-alikes as the Files API shows them: pure functions."""

from __future__ import annotations

from calotype.domain.look_alike import LookAlikes
from calotype.web.apis.files.translate.file import VariantLink, item_to_wire
from calotype.web.apis.files.wire import look_alike as wire


def look_alikes_to_wire(found: LookAlikes, link: VariantLink) -> wire.SimilarAnswer:
    """The answer of `similar`."""
    return wire.SimilarAnswer(
        image_id=found.asset_id,
        max_distance=found.max_distance,
        results=[
            wire.SimilarItem(distance=one.distance, similarity=one.similarity, file=item_to_wire(one.asset, link))
            for one in found.nearest
        ],
        total_count=found.total_count,
    )
