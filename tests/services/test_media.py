"""Links lead to what is there now, and to nothing that was deleted."""

from __future__ import annotations

from uuid import uuid4

import pytest

from calotype.domain.errors import NotFound, NotReady
from calotype.domain.video import NewVideo


async def test_links_follow_the_life_of_a_video(cinema):
    """Bytes at once, its picture when it is made, its storyboard when that was wanted; all are gone with it, and back with it."""
    media, scope = cinema.services.media, cinema.scope
    video_id = await cinema.upload(video=NewVideo("", None, has_storyboard=True))
    asset = (await cinema.one(video_id)).asset
    assert (await media.original(scope, video_id)).object_key == asset.object_key
    assert (await media.playback(scope, video_id)).object_key == asset.object_key
    for early in (media.thumbnail, media.storyboard_sheet):
        with pytest.raises(NotFound):
            await early(scope, video_id)
    await cinema.services.pictures.make_variants(scope, video_id, 1)
    await cinema.index(video_id)
    assert (await media.thumbnail(scope, video_id)).content_type.startswith("image/")
    sheet = await media.storyboard_sheet(scope, video_id)
    assert sheet.object_key in cinema.library.objects()
    text = await media.storyboard(scope, video_id, "https://a.example/sheet.jpg?b=c")
    assert text.startswith("WEBVTT\n\n")
    assert text.count("https://a.example/sheet.jpg?b=c#xywh=") == 3

    asks = (media.original, media.thumbnail, media.storyboard_sheet, media.playback)
    neighbour = await cinema.library.neighbour()
    await cinema.services.videos.delete(scope, [video_id])
    for ask in asks:
        with pytest.raises(NotFound):
            await ask(scope, video_id)
    await cinema.services.trash.restore(scope, video_id)
    for ask in asks:
        assert await ask(scope, video_id)
        for blind, identity in ((neighbour.scope, video_id), (scope, uuid4())):
            with pytest.raises(NotFound) as refused:
                await ask(blind, identity)
            assert not isinstance(refused.value, NotReady)


async def test_what_is_not_here_is_not_found(cinema):
    """A video that is still downloaded, and a picture where a video is meant."""
    media = cinema.services.media
    announced, picture = await cinema.upload_url("https://example.com/a.mp4"), await cinema.library.take_in()
    for ask in (media.original, media.thumbnail, media.storyboard_sheet, media.playback):
        with pytest.raises(NotFound):
            await ask(cinema.scope, announced)
    for ask in (media.thumbnail, media.storyboard_sheet, media.playback):
        with pytest.raises(NotFound):
            await ask(cinema.scope, picture)
    assert await media.original(cinema.scope, picture)
