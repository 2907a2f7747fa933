"""Batches as an export sees them, made up by hypothesis or by hand, and what becomes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

from hypothesis import strategies as st

from calotype.domain.annotation import Annotation, AnnotationType, annotations_of
from calotype.domain.batch import Batch, BatchImage
from calotype.domain.export import BatchContents, ExportedImage, ExportedPicture, ExportSource, Listing, file_name

WHEN = datetime(2026, 3, 4, 5, 6, 7, 89, UTC)
BATCH = Batch(UUID(int=1), UUID(int=2), 0, WHEN, None)
HOSTILE = (
    'say "no": # {a: [b]}',
    "back\\slash\n- next line\r\n",
    "NEL\x85LS\u2028PS\u2029BOM\ufeff",
    "\x01\x7f\x9f",
    "emoji 🧿 and ü",
    "null",
    "~",
    "1e3",
    " leading and trailing ",
    "../../etc/passwd",
)


def _share():
    return st.floats(0, 1, allow_subnormal=False)


@st.composite
def _box(draw):
    """A box within the picture, as far as rounding lets it be."""
    pairs = [sorted(draw(st.tuples(_share(), _share()))) for _ in range(2)]
    (left, right), (top, bottom) = pairs
    slack = draw(st.sampled_from([0, 0, 9e-7]))
    return [(left + right) / 2, (top + bottom) / 2, min(1, right - left + slack), min(1, bottom - top + slack)]


_GEOMETRIES = {
    "bbox": _box(),
    "polygon": st.integers(3, 8).flatmap(lambda points: st.lists(_share(), min_size=2 * points, max_size=2 * points)),
    "point": st.lists(_share(), min_size=2, max_size=2),
    "classification": st.just([]),
}
_NAMES = st.one_of(
    st.sampled_from(["defect", "dent", *HOSTILE]), st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
)


@st.composite
def annotations(draw, kinds=tuple(_GEOMETRIES)):
    """One annotation as the domain takes it in."""
    kind = draw(st.sampled_from(kinds))
    sent = {"class_value": draw(_NAMES.filter(lambda name: "\0" not in name)), "type": kind}
    sent["geometry"] = draw(_GEOMETRIES[kind])
    if draw(st.booleans()):
        sent["confidence"] = draw(_share())
    if draw(st.booleans()):
        sent["track"] = draw(st.integers())
    return annotations_of([sent])[0]


def image(*seen, width=640, height=480, number=1, filename="image.jpg", turned=False, metadata=None, **said):
    """An image in an export."""
    asset_id = uuid4()
    name = file_name(asset_id, filename, "jpeg")
    values = {"model_id": None, "model_version": None, **said}
    kept = BatchImage(
        asset_id, f"raw-data/{name}", filename, 1234, "image/jpeg", width, height, WHEN, WHEN,
        annotations=tuple(seen), metadata=metadata or {}, **values,
    )  # fmt: skip
    picture = ExportedPicture(number, asset_id, name, width, height, 6 if turned else 1, turned)
    return ExportedImage(picture, ExportSource(kept, "jpeg", "ab" * 32, 6 if turned else 1))


def box(x, y, width, height, name="defect", **besides):
    """A box as the domain has it."""
    return Annotation(name, AnnotationType.BBOX, (x, y, width, height), **besides)


def contents(images):
    """What is in a batch of these images."""
    seen = frozenset((told.class_value, told.type) for one in images for told in one.annotations)
    return BatchContents(BATCH, tuple(one.picture.asset_id for one in images), seen)


def texts(labels, images):
    """All documents of an export by their names."""
    made = {}
    for document in labels.documents():
        parts = []
        for part in document.parts:
            if isinstance(part, Listing):
                parts.append(part.separator.join(entry for one in images for entry in part.entries(one)))
            else:
                parts.append(part)
        made[document.name] = "".join(parts)
    return made
