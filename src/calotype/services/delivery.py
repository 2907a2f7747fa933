"""Signed links to objects: making them, checking them, and opening what they point to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode
from uuid import UUID

from calotype.domain.asset import Asset
from calotype.domain.errors import Expired, NotAllowed, NotFound
from calotype.domain.picture import VariantName
from calotype.domain.principal import Principal
from calotype.domain.scope import Scope
from calotype.storage.store import ObjectStore

_ROUNDING = 300  # seconds; links made shortly after each other are equal, so that browsers can cache what they point to
_UNSAFE_INLINE = frozenset({"image/svg+xml", "text/html", "application/xhtml+xml", "text/xml", "application/xml"})


@dataclass(frozen=True, slots=True)
class SignedObject:
    """What a valid link entitles to: one object, sent under this type, as a download if it has a name."""

    object_key: str
    content_type: str
    download_name: str | None


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """Size in bytes, opaque version, and time of change (UTC) of an object."""

    size: int
    etag: str
    modified_at: datetime


class DeliveryService:
    """Everything a link means stands in the link itself, so delivery asks no database; only links to live assets do."""

    def __init__(self, store: ObjectStore, secret: bytes, *, lifetime: int, public_url: str | None) -> None:
        self._store = store
        self._secret = secret
        self._lifetime = lifetime
        self._public_url = public_url.rstrip("/") if public_url else None

    def base(self, request_base: str) -> str:
        """The base URL of links: the configured public one, else the one the request came to."""
        return self._public_url or request_base.rstrip("/")

    def original_path(self, asset: Asset) -> str:
        """Root-relative signed link to the untouched original, for looking at; SVG and the like only ever download."""
        original = self.original(asset)
        return self._path(original.object_key, original.content_type, original.download_name)

    def download_path(self, asset: Asset) -> str:
        """Root-relative signed link to the original as an attachment under its own name."""
        return self._path(asset.object_key, asset.content_type, asset.original_filename)

    def variant_path(self, asset: Asset, name: VariantName) -> str | None:
        """Root-relative signed link to a variant; None until it is made."""
        variant = asset.variant(name)
        return self._path(variant.object_key, variant.content_type, None) if variant else None

    def live_path(self, tenant_id: UUID, asset_id: UUID, form: str = "") -> str:
        """Root-relative link to the original of an asset, or to another form of it, for as long as that is live.

        It is good for exactly the set lifetime.
        """
        expires = str(int(time.time()) + self._lifetime)
        signature = self._sign("LIVE", str(tenant_id), str(asset_id), form, expires)
        path = f"/media/{asset_id}/{form}" if form else f"/media/{asset_id}"
        return f"{path}?{urlencode({'t': str(tenant_id), 'exp': expires, 'sig': signature})}"

    def verify_live(self, tenant_id: str, asset_id: str, expires: str, signature: str, form: str = "") -> Scope:
        """Whose asset such a link leads to. Raises NotAllowed when it was tampered with, Expired when its time is over."""
        if not self._is_signed(signature, "LIVE", tenant_id, asset_id, form, expires):
            raise NotAllowed("This link is not valid", is_link=True)
        if int(expires) <= time.time():
            raise Expired("This link has expired; ask for the file again")
        return Scope(UUID(tenant_id))

    def playback_path(self, tenant_id: UUID, asset_id: UUID) -> str:
        """Root-relative signed link to a form of a video that browsers play."""
        return f"/_o/video/{asset_id}?{self._owned('PLAY', tenant_id, asset_id)}"

    def verify_playback(self, tenant_id: str, asset_id: str, expires: str, signature: str) -> Scope:
        """Whose video such a link leads to. Raises NotFound when it was tampered with or has expired."""
        return self._verify_owned("PLAY", tenant_id, asset_id, expires, signature)

    def keyframe_query(self, tenant_id: UUID, scene_id: UUID) -> str:
        """What stands in for a token in the link to the picture of a scene."""
        return self._owned("KEYFRAME", tenant_id, scene_id)

    def verify_keyframe(self, tenant_id: str, scene_id: str, expires: str, signature: str) -> Principal:
        """Who signed such a link. Raises NotFound when it was tampered with or has expired."""
        scope = self._verify_owned("KEYFRAME", tenant_id, scene_id, expires, signature)
        return Principal(tenant_id=scope.tenant_id, key_id=UUID(scene_id))

    def _owned(self, use: str, tenant_id: UUID, subject_id: UUID) -> str:
        now = int(time.time())
        expires = str(now + self._lifetime + _ROUNDING - now % _ROUNDING)
        signature = self._sign(use, str(tenant_id), str(subject_id), expires)
        return urlencode({"t": str(tenant_id), "exp": expires, "sig": signature})

    def _verify_owned(self, use: str, tenant_id: str, subject_id: str, expires: str, signature: str) -> Scope:
        if not self._is_signed(signature, use, tenant_id, subject_id, expires) or int(expires) < time.time():
            raise NotFound("This link is not valid")
        return Scope(UUID(tenant_id))

    def variant(self, asset: Asset, name: VariantName) -> SignedObject | None:
        """A variant of an asset; None until it is made."""
        variant = asset.variant(name)
        return SignedObject(variant.object_key, variant.content_type, None) if variant else None

    def original(self, asset: Asset) -> SignedObject:
        """The untouched original of an asset; SVG and the like only ever download."""
        name = asset.original_filename if asset.content_type in _UNSAFE_INLINE else None
        return SignedObject(asset.object_key, asset.content_type, name)

    def _path(self, object_key: str, content_type: str, download_name: str | None) -> str:
        now = int(time.time())
        expires = now + self._lifetime + _ROUNDING - now % _ROUNDING
        query = {"exp": str(expires), "type": content_type}
        if download_name is not None:
            query["name"] = download_name
        query["sig"] = self._sign("GET", object_key, str(expires), content_type, download_name or "")
        return f"/_o/{quote(object_key)}?{urlencode(query, quote_via=quote)}"

    def verify(
        self, object_key: str, *, expires: str, content_type: str, download_name: str | None, signature: str
    ) -> SignedObject:
        """What a link entitles to. Raises NotFound when it was tampered with or has expired."""
        if (
            not self._is_signed(signature, "GET", object_key, expires, content_type, download_name or "")
            or int(expires) < time.time()
        ):
            raise NotFound("This link is not valid")
        return SignedObject(object_key, content_type, download_name)

    def upload_path(self, tenant_id: UUID, upload_id: UUID, expires: int) -> str:
        """Root-relative signed target for the bytes of an announced upload."""
        query = urlencode(
            {
                "t": str(tenant_id),
                "exp": str(expires),
                "sig": self._sign("PUT", str(tenant_id), str(upload_id), str(expires)),
            }
        )
        return f"/_o/put/{upload_id}?{query}"

    def verify_upload(self, tenant_id: str, upload_id: str, expires: str, signature: str) -> None:
        """Check an upload target. Raises NotFound when it was tampered with, Expired when its time is over."""
        if not self._is_signed(signature, "PUT", tenant_id, upload_id, expires):
            raise NotFound("This upload target is not valid")
        if int(expires) < time.time():
            raise Expired("This upload target has expired")

    def chunk_path(self, tenant_id: UUID, media_id: UUID, number: int, expires: int) -> str:
        """Root-relative signed target for the bytes of one chunk of an upload."""
        signature = self._sign("CHUNK", str(tenant_id), str(media_id), str(number), str(expires))
        query = urlencode({"t": str(tenant_id), "exp": str(expires), "sig": signature})
        return f"/_o/chunk/{media_id}/{number}?{query}"

    def verify_chunk(self, tenant_id: str, media_id: str, number: str, expires: str, signature: str) -> None:
        """Check the target of a chunk. Raises NotFound when it was tampered with, Expired when its time is over."""
        if not self._is_signed(signature, "CHUNK", tenant_id, media_id, number, expires):
            raise NotFound("This upload target is not valid")
        if int(expires) < time.time():
            raise Expired("This upload has expired")

    def _sign(self, *parts: str) -> str:
        # Lengths keep neighbouring parts from being shifted into each other.
        message = "".join(f"{len(part)}:{part}" for part in parts).encode(errors="surrogatepass")
        digest = hmac.digest(self._secret, message, hashlib.sha256)[:24]
        return base64.urlsafe_b64encode(digest).decode()

    def _is_signed(self, signature: str, *parts: str) -> bool:
        """Whether a signature is that of these parts; told in a time that does not tell how much of it is right."""
        return hmac.compare_digest(self._sign(*parts).encode(), signature.encode(errors="surrogatepass"))

    async def head(self, signed: SignedObject) -> ObjectFacts:
        """What is known of the object without its bytes. Raises NotFound when it is gone."""
        stored = await self._store.head(signed.object_key)
        return ObjectFacts(stored.size, stored.etag, stored.modified_at)

    def stream(self, signed: SignedObject, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to, not including, `end`."""
        return self._store.stream(signed.object_key, start, end)
