"""Exports of batches: what is in the file, whatever happens to the batch meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
import io
import shutil
import subprocess
import zipfile
from uuid import uuid4

import pytest
import yaml
from PIL import Image

from calotype.domain.errors import InvalidInput, NotFound, Refused, SandboxFailure, Unavailable
from calotype.services import export as export_module
from calotype.services import export_picture
from tests.imaging.held import held
from tests.services.batches import Deputy
from tests.services.exports import (
    Camera,
    box,
    coco,
    export,
    exported,
    file_of,
    lines,
    noise,
    pictures,
)
from tests.services.library import photo

FORMATS = ("coco", "yolo", "jsonl")


def check_with_unzip(path):
    """Let Info-ZIP, which warns of small deviations too, test a file."""
    found = subprocess.run(["unzip", "-t", path], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "warning" not in found.stdout + found.stderr


async def drain(stream):
    """Take the rest of an export."""
    async for _ in stream:
        pass


@pytest.fixture
async def camera(library):
    """A device of a library of its own."""
    return await Camera.of(library)


async def test_coco_is_loaded_and_fits(camera, tmp_path):
    """The labels load in pycocotools, each box is found with its image, and the same labels are taken as results."""
    sent = [
        await camera.send(photo(1000, 500), box(0.52, 0.48, 0.2, 0.1, confidence=0.75)),
        await camera.send_developed(photo(200, 100), box(0.5, 0.5, 1, 1, "dent"), box(0.25, 0.25, 0.5, 0.5)),
        await camera.send(photo(50, 50)),
    ]
    read = await exported(camera.library, sent[0].batch_id)
    data = coco(read, tmp_path)
    images = data.loadImgs(data.getImgIds())
    assert [entry["image_id"] for entry in images] == [f"img_{one.asset_id}" for one in sent]
    assert [(entry["width"], entry["height"]) for entry in images] == [(1000, 500), (200, 100), (50, 50)]
    assert [entry["file_name"] for entry in images] == list(pictures(read))
    assert [ann["bbox"] for ann in data.loadAnns(data.getAnnIds(imgIds=1))] == [[420, 215, 200, 50]]
    assert [ann["bbox"] for ann in data.loadAnns(data.getAnnIds(imgIds=2))] == [[0, 0, 200, 100], [0, 0, 100, 50]]
    assert data.getAnnIds(imgIds=3) == []
    assert data.getAnnIds(catIds=data.getCatIds(catNms=["dent"])) == [2]
    results = [
        {key: ann.get(key, 1) for key in ("image_id", "category_id", "bbox", "score")} for ann in data.anns.values()
    ]
    assert len(data.loadRes(results).getAnnIds()) == 3


async def test_yolo_pairs_pictures_and_labels(camera):
    """Each picture has its label file, classes are numbered as data.yaml names them, and background has an empty file."""
    first = await camera.send(photo(100, 50), box(0.52, 0.48, 0.2, 0.1, 'a "b": #c\n'), filename="x.jpg")
    await camera.send(photo(50, 50), filename="x.png")
    read = await exported(camera.library, first.batch_id, "yolo")
    names = [name.rpartition(".")[0] for name in pictures(read)]
    labels = [name for name in read.namelist() if name.startswith("labels/")]
    assert labels == [f"labels/{name}.txt" for name in names]
    assert [read.read(name) for name in labels] == [b"0 0.52 0.48 0.2 0.1\n", b""]
    assert yaml.safe_load(read.read("data.yaml"))["names"] == {0: 'a "b": #c\n'}


async def test_jsonl_has_the_original_and_all_that_was_said(camera):
    """The bytes are those that were sent, and nothing that was said of them is lost."""
    data = photo(80, 60)
    said = {"model_id": "mdl_1", "model_version": "1", "line": {"no": 4}, "captured_at": "2026-01-02T03:04:05+02:00"}
    seen = [box(0.5, 0.5, 0.25, 0.5, track=7), {"class_value": "blurred", "type": "classification", "confidence": 1.0}]
    sent = await camera.send(data, *seen, filename="Ü 1.jpg", **said)
    read = await exported(camera.library, sent.batch_id, "jsonl")
    (line,) = lines(read)
    assert read.read(line["file_name"]) == data
    assert line["sha256"] == hashlib.sha256(data).hexdigest()
    assert (line["size_bytes"], line["width"], line["height"]) == (len(data), 80, 60)
    assert (line["filename"], line["storage_key"]) == ("Ü 1.jpg", sent.object_key)
    assert (line["annotations"], line["metadata"]) == (seen, {"line": {"no": 4}})
    assert line["captured_at"] == "2026-01-02T01:04:05.000000Z"
    assert (line["model_id"], line["model_version"]) == ("mdl_1", "1")


@pytest.mark.parametrize("format_", FORMATS)
async def test_the_same_batch_gives_the_same_bytes(camera, format_):
    """A batch that does not change is exported the same again, in the order in which its images came."""
    sent = [await camera.send(photo(20, 20), box(0.5, 0.5, 1, 1, f"class {n % 3}")) for n in range(12)]
    await camera.library.services.batches.close(camera.library.scope, sent[0].batch_id)
    name, data = await export(camera.library, sent[0].batch_id, format_)
    assert (name, data) == await export(camera.library, sent[0].batch_id, format_)
    assert name == f"batch_{sent[0].batch_id}_{format_}.zip"
    names = pictures(zipfile.ZipFile(io.BytesIO(data)))
    assert [given[:8] for given in names] == [one.asset_id.hex[:8] for one in sent]


@pytest.mark.skipif(not shutil.which("unzip"), reason="unzip is not installed")
@pytest.mark.parametrize("format_", FORMATS)
async def test_other_programs_find_no_fault(camera, tmp_path, format_):
    """Info-ZIP takes the file without a warning, and pictures lie in it as they are."""
    sent = await camera.send(photo(), box(0.5, 0.5, 1, 1))
    _, data = await export(camera.library, sent.batch_id, format_)
    (tmp_path / "batch.zip").write_bytes(data)
    await asyncio.to_thread(check_with_unzip, tmp_path / "batch.zip")
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        kinds = {entry.compress_type for entry in read.infolist() if entry.filename.startswith("images/")}
    assert kinds == {zipfile.ZIP_STORED}


async def test_hostile_names_stay_in_their_folder(camera, tmp_path):
    """No name of a file or a class leads out of the folder in which the export is unpacked, or breaks a label file."""
    names = ["../../evil.jpg", "a\nb.jpg", 'q"u\\ote.jpg', "🧿", "CON.jpg", ".jpg"]
    sent = [
        await camera.send(photo(20, 20), box(0.5, 0.5, 1, 1, name.replace("\0", "")), filename=name) for name in names
    ]
    for format_ in FORMATS:
        read = await exported(camera.library, sent[0].batch_id, format_)
        assert len(pictures(read)) == len(names)
        for name in read.namelist():
            assert name.isascii()
            assert ".." not in name.split("/")
            assert not name.startswith("/")
        if format_ == "coco":
            assert {category["name"] for category in coco(read, tmp_path).cats.values()} == set(names)


async def test_trash_is_left_out(camera, tmp_path):
    """What is in the trash is not exported, neither its picture nor its classes; restored, it is."""
    library, scope = camera.library, camera.library.scope
    kept = await camera.send(photo(), box(0.5, 0.5, 1, 1, "kept"))
    gone = await camera.send(photo(), box(0.5, 0.5, 1, 1, "gone"))
    await library.services.trash.delete(scope, gone.asset_id)
    read = await exported(library, kept.batch_id)
    assert len(pictures(read)) == 1
    assert [category["name"] for category in coco(read, tmp_path).cats.values()] == ["kept"]
    await library.services.trash.restore(scope, gone.asset_id)
    assert len(pictures(await exported(library, kept.batch_id))) == 2


async def test_an_image_trashed_meanwhile_keeps_its_labels(camera, tmp_path):
    """A picture that was sent before its image was put into the trash is not sent as background."""
    library = camera.library
    sent = await camera.send(photo(), box(0.5, 0.5, 1, 1))
    _, stream = await library.services.exports.export(library.scope, sent.batch_id, "coco")
    first = await anext(stream)
    await library.services.trash.delete(library.scope, sent.asset_id)
    data = first + b"".join([piece async for piece in stream])
    assert len(coco(zipfile.ZipFile(io.BytesIO(data)), tmp_path).anns) == 1


async def test_who_waits_is_told_how_far_it_is(camera):
    """The number of pictures sent, and of all, as the bytes come."""
    told = []
    for _ in range(3):
        sent = await camera.send()
    exports = camera.library.services.exports
    _, stream = await exports.export(
        camera.library.scope, sent.batch_id, "coco", tell=lambda done, total: told.append((done, total))
    )
    assert told == []
    await drain(stream)
    assert told == [(1, 3), (2, 3), (3, 3)]


async def test_a_batch_that_collects_is_exported_as_it_was_at_the_start(camera, tmp_path):
    """Images that come while an export is under way are not in it, nor are their classes."""
    library = camera.library
    sent = await camera.send(photo(), box(0.5, 0.5, 1, 1, "old"))
    _, stream = await library.services.exports.export(library.scope, sent.batch_id, "coco")
    await camera.send(photo(), box(0.5, 0.5, 1, 1, "new"))
    data = b"".join([piece async for piece in stream])
    labels = coco(zipfile.ZipFile(io.BytesIO(data)), tmp_path)
    assert (len(labels.imgs), [category["name"] for category in labels.cats.values()]) == (1, ["old"])


@pytest.mark.parametrize("format_", FORMATS)
async def test_an_empty_batch(camera, format_):
    """A batch whose images are all in the trash gives a sound file without pictures."""
    sent = await camera.send()
    await camera.library.services.trash.delete(camera.library.scope, sent.asset_id)
    assert not pictures(await exported(camera.library, sent.batch_id, format_))


async def test_refusals_come_before_the_first_byte(camera):
    """An unknown batch, somebody else's, and an unknown format are refused at once."""
    sent = await camera.send()
    stranger = await camera.library.neighbour()
    for scope, batch_id in ((camera.library.scope, uuid4()), (stranger.scope, sent.batch_id)):
        with pytest.raises(NotFound):
            await camera.library.services.exports.export(scope, batch_id, "coco")
    with pytest.raises(InvalidInput) as refusal:
        await camera.library.services.exports.export(camera.library.scope, sent.batch_id, "voc")
    assert refusal.value.context["field"] == "format"


async def test_too_many_classes_for_formats_that_list_them(camera, monkeypatch):
    """A batch with more classes than any trainer takes is refused, but for JSON lines, which has no list of them."""
    monkeypatch.setattr(export_module, "MOST_CLASSES", 2)
    sent = await camera.send(photo(), *(box(0.5, 0.5, 1, 1, name) for name in "abc"))
    with pytest.raises(Refused):
        await export(camera.library, sent.batch_id, "yolo")
    assert len(lines(await exported(camera.library, sent.batch_id, "jsonl"))[0]["annotations"]) == 3


class _Store(Deputy):
    """The object store, in which something happens to one object: it fails, is shorter, longer or gone, or the store is down."""

    def __init__(self, original, key, *, fails_after=None, ends_after=None, longer=b"", gone=False, unavailable=False):
        super().__init__(original)
        self._key = key
        self._fails_after = fails_after
        self._ends_after = ends_after
        self._longer = longer
        self._gone = gone
        self._unavailable = unavailable

    async def read_at(self, key, offset, length):
        """The real bytes, unless the store is down."""
        if key == self._key and self._unavailable:
            raise Unavailable("the object store cannot be reached")
        return await self._original.read_at(key, offset, length)

    async def stream(self, key, start=0, end=None, chunk=1):
        """The real bytes, until something happens."""
        if key == self._key and self._gone:
            raise NotFound("The object does not exist")
        sent = 0
        async for piece in self._original.stream(key, start, end, chunk):
            if key == self._key and self._fails_after is not None and sent >= self._fails_after:
                raise Unavailable("the connection was lost")
            if key == self._key and self._ends_after is not None and sent >= self._ends_after:
                return
            sent += len(piece)
            yield piece
        if key == self._key and self._longer:
            yield self._longer


def replace_store(library, monkeypatch, key, **faults):
    """Let something happen to one object of a library."""
    source = library.services.exports._pictures
    monkeypatch.setattr(source, "_store", _Store(source._store, key, **faults))


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("whole", [10**9, 0])
async def test_missing_and_damaged_originals_are_named(camera, monkeypatch, format_, whole):
    """An original that is gone, or does not have its length, is left out, and the file says which and why."""
    monkeypatch.setattr(export_picture, "WHOLE", whole)
    library = camera.library
    gone, cut, kept = [await camera.send(photo(), box(0.5, 0.5, 1, 1), filename=f"{name}.jpg") for name in "abc"]
    await library.services.exports._pictures._store.delete(gone.object_key)
    path = library._objects / cut.object_key
    path.write_bytes(path.read_bytes()[:-1])
    read = await exported(library, gone.batch_id, format_)
    assert [name[:8] for name in pictures(read)] == [kept.asset_id.hex[:8]]
    first, second = read.read("missing.txt").decode().splitlines()
    assert f"img_{gone.asset_id}" in first
    assert "missing" in first
    assert f"img_{cut.asset_id}" in second
    assert "damaged" in second
    assert not [name for name in read.namelist() if gone.asset_id.hex[:8] in name]


async def test_a_damaged_original_is_not_turned(camera):
    """A picture that was developed before its file was cut is left out, too, when it would have to be turned."""
    cut = await camera.send_developed(held(6), box(0.5, 0.5, 1, 1))
    path = camera.library._objects / cut.object_key
    path.write_bytes(path.read_bytes()[:-100])
    read = await exported(camera.library, cut.batch_id)
    assert not pictures(read)
    assert "damaged" in read.read("missing.txt").decode()


async def test_numbers_of_images_do_not_depend_on_what_is_missing(camera, tmp_path):
    """Labels of a batch with a hole have the ids they would have without it."""
    gone, kept = [await camera.send(photo(), box(0.5, 0.5, 1, 1)) for _ in range(2)]
    await camera.library.services.exports._pictures._store.delete(gone.object_key)
    labels = coco(await exported(camera.library, kept.batch_id), tmp_path)
    assert labels.getImgIds() == [2]
    assert [ann["image_id"] for ann in labels.anns.values()] == [2]


@pytest.mark.parametrize("fault", [{"fails_after": 1000}, {"ends_after": 1000}, {"longer": b"x"}, {"gone": True}])
async def test_a_file_that_breaks_off_is_no_zip(camera, monkeypatch, fault):
    """When an original fails or is another one while it is sent, the export ends in an error, and the file is no sound one."""
    monkeypatch.setattr(export_picture, "WHOLE", 0)
    monkeypatch.setattr(export_picture, "_CHUNK", 1000)
    await camera.send()
    sent = await camera.send(photo(200, 200))
    replace_store(camera.library, monkeypatch, sent.object_key, **fault)
    _, stream = await camera.library.services.exports.export(camera.library.scope, sent.batch_id, "coco")
    got = io.BytesIO()

    async def take_all():
        async for piece in stream:
            got.write(piece)

    with pytest.raises((Unavailable, NotFound)):
        await take_all()
    assert got.tell()
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(got)


async def test_a_store_that_is_down_is_no_missing_picture(camera, monkeypatch):
    """An object store that cannot be reached ends the export; it must not look as if pictures were gone."""
    sent = await camera.send()
    replace_store(camera.library, monkeypatch, sent.object_key, unavailable=True)
    with pytest.raises(Unavailable):
        await export(camera.library, sent.batch_id)


async def test_an_image_purged_meanwhile_breaks_the_file_off(camera):
    """A picture whose labels are gone for good when their turn comes is not sent as background."""
    library = camera.library
    sent = await camera.send(photo(), box(0.5, 0.5, 1, 1))
    _, stream = await library.services.exports.export(library.scope, sent.batch_id, "coco")
    await anext(stream)
    await library.services.trash.delete(library.scope, sent.asset_id)
    await library.services.trash.purge_due()
    with pytest.raises(NotFound):
        await drain(stream)


async def test_large_pictures_arrive_as_they_were_sent(camera):
    """Pictures that are too large to be kept are sent piece by piece."""
    data = noise(1400, 1100)
    assert len(data) > export_picture.WHOLE
    sent = await camera.send(data, filename="large.png")
    for format_ in FORMATS:
        assert file_of(await exported(camera.library, sent.batch_id, format_), sent) == data


async def test_who_goes_away_leaves_nothing_behind(camera, monkeypatch, tmp_path):
    """An export that nobody reads to its end leaves no file, no task and no connection behind."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sent = await camera.send()
    for _ in range(11):
        await camera.send()
    _, stream = await camera.library.services.exports.export(camera.library.scope, sent.batch_id, "coco")
    await anext(stream)
    await stream.aclose()
    assert not list(tmp_path.iterdir())
    assert camera.library.services.exports._database._engine.pool.checkedout() == 0


async def test_the_same_bytes_twice_are_two_pictures(camera):
    """Two images of the same bytes and name do not take each other's place in the file."""
    data = photo()
    first, second = [await camera.send(data) for _ in range(2)]
    assert second.batch_id == first.batch_id
    assert list(pictures(await exported(camera.library, first.batch_id)).values()) == [data, data]


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
async def test_pixels_on_disk_are_those_of_the_boxes(camera, tmp_path, kind):
    """However a camera was held, developed or not, a box around the green quarter is around it in the file as it lies there."""
    green = box(0.75, 0.25, 0.5, 0.5, "green")
    sent = []
    for orientation in range(1, 9):
        data = held(orientation, kind, size=(60, 40))
        sent += [await camera.send(data, green), await camera.send_developed(data, green)]
    read = await exported(camera.library, sent[0].batch_id)
    labels = coco(read, tmp_path)
    assert len(labels.imgs) == len(labels.anns) == 16
    for ann in labels.anns.values():
        entry = labels.imgs[ann["image_id"]]
        x, y, across, down = ann["bbox"]
        with Image.open(io.BytesIO(read.read(f"images/{entry['file_name']}"))) as picture:
            assert picture.size == (entry["width"], entry["height"]) == (60, 40)
            assert picture.getexif().get(274, 1) == 1
            middle = picture.convert("RGB").getpixel((int(x + across / 2), int(y + down / 2)))
        assert middle[1] > middle[0]
        assert middle[1] > middle[2]
    turned = [entry["image_id"] for entry in labels.imgs.values() if "turned" in entry]
    assert turned == [f"img_{one.asset_id}" for one in sent[2:]]


async def test_json_lines_keep_pictures_as_they_were_held(camera):
    """In JSON lines the bytes are the original's, and the line tells how it is to be turned."""
    data = held(6, size=(60, 40))
    sent = await camera.send(data, box(0.75, 0.25, 0.5, 0.5))
    read = await exported(camera.library, sent.batch_id, "jsonl")
    (line,) = lines(read)
    assert file_of(read, sent) == data
    assert (line["width"], line["height"], line["orientation"]) == (60, 40, 6)


async def test_a_picture_that_cannot_be_turned_is_named(camera, monkeypatch):
    """Where no upright copy can be made, a trainer must not get the picture lying on its side."""
    data = held(6, size=(60, 40))
    sent, kept = await camera.send(data), await camera.send()
    pictures_ = camera.library.services.exports._pictures
    limits = export_picture.TurnLimits(max_pixels=10, timeout=60, at_once=1)
    monkeypatch.setattr(pictures_, "_limits", limits)
    read = await exported(camera.library, sent.batch_id)
    assert [name[:8] for name in pictures(read)] == [kept.asset_id.hex[:8]]
    assert f"img_{sent.asset_id}" in read.read("missing.txt").decode()


async def test_a_child_that_dies_costs_one_picture(camera, monkeypatch):
    """When turning a picture brings its process down every time, the picture is named and the others are sent."""

    class Dying:
        async def run(self, *_, **__):
            raise SandboxFailure("it crashed", reason="crashed")

    monkeypatch.setattr(camera.library.services.exports._pictures, "_sandbox", Dying())
    sent, kept = await camera.send(held(6)), await camera.send()
    read = await exported(camera.library, sent.batch_id)
    assert [name[:8] for name in pictures(read)] == [kept.asset_id.hex[:8]]
    assert "it crashed" in read.read("missing.txt").decode()


async def test_large_pictures_are_measured_without_being_kept(camera, monkeypatch):
    """The header of a large picture that is not developed is read from the store."""
    monkeypatch.setattr(export_picture, "WHOLE", 0)
    sent = await camera.send(held(6, size=(60, 40)))
    (line,) = lines(await exported(camera.library, sent.batch_id, "jsonl"))
    assert (line["width"], line["height"], line["orientation"]) == (60, 40, 6)


async def test_a_bucket_gives_the_same_export(camera, monkeypatch, s3_server, tmp_path):
    """Small, large, turned and missing pictures come out of a bucket as they do from a disk."""
    sent = [await camera.send(data) for data in (photo(), noise(1400, 1100), held(6, "PNG"), photo())]
    source = camera.library.services.exports._pictures
    store = s3_server.store(tmp_path)
    try:
        for one in sent[:3]:
            await store.put(one.object_key, await source._store.get(one.object_key))
        expected = await exported(camera.library, sent[0].batch_id)
        monkeypatch.setattr(source, "_store", store)
        found = await exported(camera.library, sent[0].batch_id)
    finally:
        await store.aclose()
    assert list(pictures(found).items()) == list(pictures(expected).items())[:3]
    assert f"img_{sent[3].asset_id}" in found.read("missing.txt").decode()
