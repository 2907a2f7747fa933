"""A made library for search benchmarks: many rows as the product writes them, without any picture behind them.

Words follow Zipf's law over a made vocabulary; a few words of known frequency stand among them, so that requests can ask for
a rare word or one that half of all rows hold.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from calotype.domain.searchable import searchable_asset

VOCABULARY = 40_000
TAGS = 800
NEWEST = datetime(2026, 6, 1, tzinfo=UTC)
# A word and the share of rows whose description holds it.
PLANTED = {"harbour": 0.5, "lantern": 0.1, "bicycle": 0.02, "zeppelin": 0.00005, "quokka": 0.0005}
_CJK = "山川海空花鳥風月東京都駅前通港町桜祭夜景橋雪森林湖島船車人物猫犬古寺神社庭園市場"
_SYLLABLES = [a + b for a in "bcdfghklmnprstvw" for b in ("a", "e", "i", "o", "u", "ar", "en", "il", "ou", "st")]
ASSET_COLUMNS = (
    "id, tenant_id, media_type, content_type, format, upload_method, object_key, original_filename, size_bytes, checksum, "
    "storage_target, auto_describe, title, tags, created_at, updated_at, deleted_at, width, height, blur_hash, facts, "
    "captured_at, variants, variant_status, description_status, description, visible_text, confidence, described_at, "
    "has_description, search"
)


def vocabulary() -> list[str]:
    """The made words, most frequent first; always the same ones."""
    chance = random.Random(1)
    made: dict[str, None] = {}
    while len(made) < VOCABULARY:
        made["".join(chance.choices(_SYLLABLES, k=chance.choice((1, 2, 2, 3, 3, 4))))] = None
    return list(made)


class Writer:
    """Makes texts of Zipf-distributed words."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self._words = vocabulary()
        self._weights = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(1, VOCABULARY + 1)))
        self._tags = [word for word in self._words if len(word) > 3][:TAGS]
        self._tag_weights = list(itertools.accumulate(1 / (rank + 2) for rank in range(TAGS)))

    def words(self, least: int, most: int) -> list[str]:
        """Some words, between `least` and `most` of them."""
        return self.chance.choices(self._words, cum_weights=self._weights, k=self.chance.randint(least, most))

    def tags(self) -> list[str]:
        """Between none and six different tags."""
        drawn = self.chance.choices(self._tags, cum_weights=self._tag_weights, k=self.chance.randint(0, 6))
        return list(dict.fromkeys(drawn))

    def cjk(self, length: int) -> str:
        """Some characters of Chinese or Japanese."""
        return "".join(self.chance.choices(_CJK, k=length))


@dataclass(frozen=True, slots=True)
class Texts:
    """What of one row can be searched."""

    title: str | None
    filename: str
    tags: list[str]
    description: str | None
    visible_text: str | None


def texts(writer: Writer, number: int) -> Texts:
    """The texts of one row."""
    chance = writer.chance
    title = " ".join(writer.words(2, 5)).capitalize() if chance.random() < 0.6 else None
    visible_text = " ".join(writer.words(3, 60)) if chance.random() < 0.35 else None
    if chance.random() < 0.03:
        title = writer.cjk(6)
        visible_text = writer.cjk(30)
    name = f"IMG_{number % 10_000:04}" if chance.random() < 0.7 else "-".join(writer.words(2, 3))
    description = None
    if chance.random() < 0.9:
        said = writer.words(15, 35)
        said.extend(word for word, share in PLANTED.items() if chance.random() < share / 0.9)
        description = (
            f"A photo of {' '.join(said)}, 4032 x 3024 pixels, mostly {chance.choice(('grey', 'blue', 'green'))}."
        )
    return Texts(title, f"{name}.jpg", writer.tags(), description, visible_text)


def _rows(tenant_id: UUID, count: int, seed: int) -> Iterator[tuple[Any, ...]]:
    writer = Writer(seed)
    chance = writer.chance
    for number in range(count):
        identity = UUID(int=chance.getrandbits(128), version=4)
        found = texts(writer, number)
        created = NEWEST - timedelta(seconds=(count - number) * 300 + chance.random() * 300)
        captured = created - timedelta(days=chance.expovariate(1 / 300)) if chance.random() < 0.8 else None
        search = searchable_asset(
            title=found.title,
            filename=found.filename,
            tags=found.tags,
            description=found.description,
            visible_text=found.visible_text,
        )
        is_deleted = chance.random() < 0.01
        is_described = found.description is not None
        yield (
            identity, tenant_id, "image", "image/jpeg", "JPEG", "STREAMING", f"uploads/{tenant_id}/{identity}/{found.filename}",
            found.filename, int(chance.lognormvariate(14.5, 0.8)), chance.randbytes(32), "default", True, found.title,
            found.tags, created, created, NEWEST if is_deleted else None, 4032, 3024, "LKO2?U%2Tw=w]~RBVZRi};RPxuwH",
            FACTS, captured, variants(tenant_id, identity), "completed",
            "completed" if is_described else "skipped", found.description, found.visible_text, None,
            created if is_described else None, is_described, search,
        )  # fmt: skip


def hashes(seed: int) -> Iterator[int]:
    """Perceptual hashes without end: half of their bits set, as with real photographs, and one in ten near an earlier one."""
    chance = random.Random(seed)
    made: list[int] = []
    while True:
        if made and chance.random() < 0.1:
            phash = chance.choice(made) ^ sum(1 << bit for bit in chance.sample(range(64), chance.randint(0, 12)))
        else:
            phash = sum(1 << bit for bit in chance.sample(range(64), 32))
        made.append(phash)
        yield phash


FACTS = json.dumps(
    {"frames": 1, "bits": 8, "has_alpha": False, "kind": "photo", "metadata": {
        "captured": {"wall": "2021-06-12T10:11:12", "source": "exif", "offset_minutes": 120, "offset_source": "exif"},
        "gps": {"latitude": 53.55, "longitude": 9.99, "altitude": 6.0}, "camera_make": "Canon", "camera_model": "EOS R6",
        "lens": "RF 24-105mm F4 L IS USM", "exposure_time": 0.004, "f_number": 5.6, "iso": 200, "focal_length": 50.0,
        "orientation": 1, "rating": None, "keywords": [], "title": None, "caption": None}}
)  # fmt: skip


def variants(tenant_id: UUID, identity: UUID) -> str:
    """The renditions of a picture as its row names them."""
    return json.dumps({
        f"{name}_{side}": {
            "object_key": f"variants/{tenant_id}/{identity}/{name}_{side}.jpg", "content_type": "image/jpeg",
            "width": side, "height": side * 3 // 4, "size_bytes": side * side // 5,
        }
        for name, side in (("tiny", 64), ("small", 256), ("medium", 750), ("large", 1024))
    })  # fmt: skip


def fill(url: str, tenants: Sequence[tuple[UUID, int]]) -> None:
    """Write the rows of each (tenant, count), then let PostgreSQL tidy up and gather its statistics."""
    with psycopg.connect(url, autocommit=True) as connection:
        for seed, (tenant_id, count) in enumerate(tenants):
            with connection.cursor() as cursor, cursor.copy(f"COPY asset ({ASSET_COLUMNS}) FROM STDIN") as copy:
                for row in _rows(tenant_id, count, seed):
                    copy.write_row(row)
            with connection.cursor() as cursor:
                ids = cursor.execute("SELECT id FROM asset WHERE tenant_id = %s ORDER BY id", [tenant_id]).fetchall()
                with cursor.copy("COPY perceptual_hash (asset_id, tenant_id, phash) FROM STDIN") as copy:
                    for (identity,), phash in zip(ids, hashes(seed), strict=False):
                        copy.write_row((identity, tenant_id, f"{phash:064b}"))
        connection.execute("VACUUM (ANALYZE) asset, perceptual_hash")
        connection.execute("CHECKPOINT")
