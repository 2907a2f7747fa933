"""Signed links to variants, as several routes put them into their answers."""

from __future__ import annotations

from calotype.bootstrap import Application
from calotype.domain.asset import Asset
from calotype.domain.picture import VariantName
from calotype.web.apis.files.translate.file import VariantLink


def variant_links(services: Application, base: str) -> VariantLink:
    """Makes the link to a variant of an asset, None while it does not exist."""

    def link(asset: Asset, name: VariantName) -> str | None:
        path = services.delivery.variant_path(asset, name)
        return base + path if path else None

    return link
