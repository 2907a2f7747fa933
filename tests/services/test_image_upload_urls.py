"""Images that are named by URL are fetched, checked and kept together with the files, or not at all."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from calotype.domain import errors
from tests.services.batches import FailingStore, until
from tests.services.images import NOTHING, at, kept, large, listed, send, site, wanted
from tests.services.library import photo


@pytest.fixture
async def pages(library, monkeypatch):
    """A site of this test's own."""
    async with site(library, monkeypatch) as made:
        yield made


async def test_files_come_first_and_then_the_urls_in_their_order(library, pages):
    """Whichever is fetched first; names come from the URLs, what was said belongs to the place."""
    first = asyncio.Event()
    urls = [
        pages.add("/slow.jpg", photo(), first),
        pages.add("/dir/large%20one.bmp?x=1", large()),
        pages.add("/", photo()),
    ]
    asked = [wanted(place=place) for place in range(4)]
    sending = asyncio.create_task(send(library, [("file.jpg", photo())], asked, urls))
    await until(lambda: len(pages.asked) >= 3)
    first.set()

    images = await sending

    assert [image.document for image in images] == [f'{{"place":{place}}}' for place in range(4)]
    names = [(await library.asset(image.id)).original_filename for image in images]
    assert names == ["file.jpg", "slow.jpg", "large one.bmp", "image"]
    assert [at(image) - at(images[0]) for image in images] == [0, 1, 2, 3]
    assert await listed(library) == images[::-1]


async def test_the_same_url_twice_is_two_images(library, pages):
    """Each place has its own."""
    images = await send(library, [], None, [pages.add("/a.jpg", photo())] * 3)
    assert len({image.id for image in images}) == len(library.objects()) == 3


BAD = {
    "not there": (None, errors.DownloadFailed),
    "no picture": (b"words", errors.Unsupported),
    "nothing": (b"", errors.EmptyFile),
    "broken": (photo()[:30], errors.UndecodablePicture),
    "too large": (bytes(3_000_000), errors.TooLarge),
}


@pytest.mark.parametrize("place", [0, 5, 11])
@pytest.mark.parametrize("kind", BAD)
async def test_one_bad_url_refuses_all(library, pages, monkeypatch, kind, place):
    """Its place counts behind the files, its name is the URL, and nothing of anything is kept."""
    uploads = library.services.image_uploads
    monkeypatch.setattr(uploads, "terms", replace(uploads.terms, max_image_bytes=2_000_000))
    urls = [pages.add(f"/{index}.jpg", photo()) for index in range(12)]
    data, expected = BAD[kind]
    urls[place] = pages.url("/bad") if data is None else pages.add("/bad", data)
    with pytest.raises(expected) as refused:
        await send(library, [("a.jpg", photo()), ("b.bmp", large())], None, urls)
    context = refused.value.context
    assert type(refused.value) is expected
    assert (context["index"], context["param"], context["name"]) == (
        place + 2,
        f"metadata.image_urls[{place}]",
        urls[place],
    )
    assert kept(library) == NOTHING


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://10.0.0.1/x",
        "http://user@127.0.0.1/",
        "",
        "x",
        "http://\ud800/",
        "http://[::1/",
        "http://a\x00b/",
    ],
)
async def test_a_url_that_must_not_be_fetched_refuses_all(library, pages, url):
    """What its text, or the address behind it, does not allow."""
    with pytest.raises(errors.AddressNotAllowed) as refused:
        await send(library, [], None, [pages.add("/a.jpg", photo()), url])
    assert (refused.value.context["index"], refused.value.context["name"]) == (1, url)
    assert kept(library) == NOTHING


async def test_an_endless_url_is_not_repeated_whole(library):
    """The refusal says how it begins."""
    url = "http://example.com/" + "x" * 10**6
    with pytest.raises(errors.AddressNotAllowed) as refused:
        await send(library, [], None, [url])
    assert url.startswith(refused.value.context["name"])
    assert len(refused.value.message) < 10_000


async def test_a_bad_file_is_told_before_a_bad_url_and_nothing_is_fetched(library, pages):
    """The first in the order of results."""
    with pytest.raises(errors.Unsupported) as refused:
        await send(library, [("a.txt", b"words")], None, [pages.url("/missing")])
    assert refused.value.context["param"] == "images[0]"
    assert pages.asked == []


async def test_the_first_bad_url_ends_the_upload_though_later_ones_are_still_coming(library, pages):
    """Nobody waits for what cannot be kept, and nothing stays of what comes half."""
    never = asyncio.Event()
    urls = [pages.add("/0.jpg", photo()), pages.url("/missing")]
    urls += [pages.add(f"/{place}.bmp", large(), never) for place in range(2, 8)]
    with pytest.raises(errors.DownloadFailed) as refused:
        await send(library, [], None, urls)
    assert refused.value.context["index"] == 1
    assert kept(library) == NOTHING


async def test_a_bad_url_waits_for_those_before_it(library, pages):
    """One that is bad later in the order is not told while an earlier one may still turn out bad."""
    late = asyncio.Event()
    urls = [pages.add("/late", b"words" * 20_000, late), pages.url("/missing")]
    sending = asyncio.create_task(send(library, [], None, urls))
    await until(lambda: len(pages.asked) >= 2)
    late.set()
    with pytest.raises(errors.Unsupported) as refused:
        await sending
    assert refused.value.context["index"] == 0


async def test_all_urls_together_have_a_deadline(library, pages, monkeypatch):
    """The first that was not there in time is named, and what had come before is taken back."""
    uploads = library.services.image_uploads
    monkeypatch.setattr(uploads, "terms", replace(uploads.terms, fetch_timeout=0.3))
    never = asyncio.Event()
    urls = [pages.add("/0.jpg", photo()), pages.add("/1.jpg", photo(), never), pages.add("/2.jpg", photo())]
    with pytest.raises(errors.DownloadFailed) as refused:
        await send(library, [("a.jpg", photo())], None, urls)
    assert (refused.value.context["index"], refused.value.context["name"]) == (2, urls[1])
    assert kept(library) == NOTHING


async def test_only_some_are_fetched_at_a_time(library, pages):
    """Eight connections, however many URLs."""
    gate = asyncio.Event()
    urls = [pages.add(f"/{place}.jpg", photo(24, 16), gate) for place in range(20)]
    sending = asyncio.create_task(send(library, [], None, urls))
    await until(lambda: pages.most_at_once == 8)
    gate.set()
    assert len(await sending) == 20
    assert pages.most_at_once == 8


async def test_a_store_that_fails_for_a_fetched_image_refuses_all(library, pages, monkeypatch):
    """The other fetched ones are taken back."""
    receiver = library.services.image_uploads.receiver
    monkeypatch.setattr(receiver, "_store", FailingStore(receiver._store, "3.jpg"))
    with pytest.raises(errors.Unavailable):
        await send(library, [], None, [pages.add(f"/{place}.jpg", photo()) for place in range(6)])
    assert kept(library) == NOTHING


async def test_fetches_that_are_cancelled_anywhere_leave_nothing(library, pages):
    """Wherever later images stand when the first turns out bad, on their way, being published or done: nothing stays."""
    for pause in range(0, 60, 3):
        late = asyncio.Event()
        urls = [pages.add(f"/bad{pause}", b"words" * 100, late)]
        urls += [pages.add(f"/{pause}-{place}.jpg", photo(24, 16)) for place in range(7)]
        sending = asyncio.create_task(send(library, [], None, urls))
        await until(lambda: len(pages.asked) >= 8)
        pages.asked.clear()
        for _ in range(pause):
            await asyncio.sleep(0)
        late.set()
        with pytest.raises(errors.Unsupported):
            await sending
    assert kept(library) == NOTHING
