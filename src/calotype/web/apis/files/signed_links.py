"""Signed links to originals, variants and videos, as several routes put them into their answers."""

from __future__ import annotations

from uuid import UUID

from calotype.bootstrap import Application
from calotype.domain.asset import Asset
from calotype.domain.picture import VariantName
from calotype.domain.principal import Principal
from calotype.web.apis.files.translate.file import OriginalLink, VariantLink
from calotype.web.apis.files.translate.video import KeyframeLink, PlaybackLink


def variant_links(services: Application, base: str) -> VariantLink:
    """Makes the link to a variant of an asset, None while it does not exist."""

    def link(asset: Asset, name: VariantName) -> str | None:
        path = services.delivery.variant_path(asset, name)
        return base + path if path else None

    return link


def original_links(services: Application, base: str) -> OriginalLink:
    """Makes the link to the untouched original of an asset."""
    return lambda asset: base + services.delivery.original_path(asset)


def playback_links(services: Application, caller: Principal, base: str) -> PlaybackLink:
    """Makes the link to a form of a caller's video that browsers play."""

    def link(video_id: UUID) -> str:
        return base + services.delivery.playback_path(caller.tenant_id, video_id)

    return link


def keyframe_links(services: Application, caller: Principal) -> KeyframeLink:
    """Makes the root-relative link to the picture of a scene of a caller's video."""

    def link(scene_id: UUID) -> str:
        return (
            f"/api/v2/video-scenes/{scene_id}/thumbnail?{services.delivery.keyframe_query(caller.tenant_id, scene_id)}"
        )

    return link
