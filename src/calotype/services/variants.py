"""Where the variants of a picture lie in the object store."""

from __future__ import annotations

from collections.abc import Sequence

from calotype.domain.asset import Asset, StoredVariant
from calotype.domain.object_keys import variant_key
from calotype.domain.picture import Variant, VariantName


def lay_out(asset: Asset, made: Sequence[Variant]) -> tuple[dict[VariantName, StoredVariant], dict[str, bytes]]:
    """Where each variant goes, and the bytes by key; variants with the same bytes share one object."""
    variants: dict[VariantName, StoredVariant] = {}
    objects: dict[str, bytes] = {}
    keys: dict[bytes, str] = {}
    for variant in made:
        ending = variant.content_type.rpartition("/")[2].replace("jpeg", "jpg")
        key = keys.setdefault(variant.data, variant_key(asset.tenant_id, asset.id, variant.name, ending))
        objects[key] = variant.data
        variants[variant.name] = StoredVariant(
            key, variant.content_type, variant.width, variant.height, len(variant.data)
        )
    return variants, objects
