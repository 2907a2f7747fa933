"""What runs in the child process that reads a page: yt-dlp, with nothing it could reach but the proxy of its parent."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from calotype.crawling.fetcher import may_pass
from calotype.crawling.listener import LOOPBACK, hand_over
from calotype.crawling.pages import PageVideo
from calotype.crawling.proxy import USER
from calotype.domain.errors import CalotypeError, DownloadFailed, TooLarge, Unsupported

_SILENCE = 20  # seconds
_MESSAGE = 300  # characters of what a site's reader says
# One file that has picture and sound, sent in one piece: nothing here could join two, or collect a stream's pieces.
_FORMAT = "best[protocol=https]/best[protocol=http]"
_GENERIC = "generic"
_NO_READER = "the page refers to a site that has no reader of its own"
_NO_VIDEO = "no video was found on the page"
_LIVE = {"is_live": "live", "is_upcoming": "not on the air yet", "post_live": "being prepared after it was live"}
_STARTING_PROGRAMS = {
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pty.spawn",
    "subprocess.Popen",
}
_SENDING = {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"}
_GIVEN_UP = "Giving up after"
_ANSWERED = re.compile(r"HTTP Error ([45]\d\d)")
_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_URL = re.compile(r"https?://\S+|\b\d{1,3}(?:\.\d{1,3}){3}\b|\[[0-9a-fA-F:]+\]")


def download_page(urls: Sequence[str], folder: str, token: str, max_bytes: int) -> PageVideo | None:
    """Download the video of the first of these URLs that a site's own reader claims; None where none does.

    The file is put into the folder. Raises DownloadFailed, Unsupported and TooLarge, with reasons for people.
    """
    port = hand_over(Path(folder))
    confine(folder, port)
    return read_page(urls, folder, f"http://{USER}:{token}@{LOOPBACK}:{port}", max_bytes)


def confine(folder: str, port: int) -> None:
    """Leave this process nothing of its account and its network but a folder and the proxy at a port; for good."""
    _keep_to_itself(folder)
    _close_doors(port)


def read_page(urls: Sequence[str], folder: str, proxy: str, max_bytes: int) -> PageVideo | None:
    """The same in a process that is confined already; `proxy` is a URL."""
    log = _Log()
    try:
        return _download(urls, Path(folder), _options(folder, proxy, max_bytes, log), log)
    except CalotypeError:
        raise
    except Exception as error:  # of more than a thousand readers, each with faults of its own
        raise _plain(error) from error


def _keep_to_itself(folder: str) -> None:
    """No settings, caches, plug-ins or programs of the account this runs as."""
    for name in [name for name in os.environ if name.startswith(("XDG_", "YTDLP_")) or name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ.update(HOME=folder, TMPDIR=folder, PATH="")


def _close_doors(port: int) -> None:
    """Refuse connections to anything but the proxy, and other programs, from now on.

    The system keeps the process from the network where it can. This holds where it cannot, for all that Python does.
    """

    def watch(event: str, details: tuple[Any, ...]) -> None:
        if event in _STARTING_PROGRAMS:
            raise PermissionError("no program may be started here")
        if event in _SENDING and details[1] != (LOOPBACK, port):
            raise PermissionError("only the proxy may be reached from here")
        if event == "socket.getaddrinfo" and details[0] not in {LOOPBACK, LOOPBACK.encode()}:
            raise PermissionError("no name is looked up here")

    sys.addaudithook(watch)


def _options(folder: str, proxy: str, max_bytes: int, log: _Log) -> dict[str, Any]:
    return {
        "allowed_extractors": ["default", f"-{_GENERIC}"],
        "cachedir": False,
        "color": "no_color",
        "compat_opts": {"no-certifi"},  # the certificates that the fetcher trusts
        "enable_file_urls": False,
        "extract_flat": "in_playlist",
        "extractor_retries": 1,
        "ffmpeg_location": str(Path(folder) / "none"),
        "fixup": "never",
        "format": _FORMAT,
        "geo_bypass": False,
        "js_runtimes": {},
        "logger": log,
        "match_filter": log.filter,
        "max_filesize": max_bytes,
        "nopart": True,
        "noplaylist": True,
        "noprogress": True,
        "outtmpl": {"default": "video.%(ext)s"},
        "paths": {"home": folder, "temp": folder},
        "playlist_items": "1:2",  # one more than is taken
        "proxy": proxy,
        "quiet": True,
        "remote_components": [],
        "restrictfilenames": True,
        "retries": 2,
        "socket_timeout": _SILENCE,
        "updatetime": False,
    }


def _download(urls: Sequence[str], folder: Path, options: dict[str, Any], log: _Log) -> PageVideo | None:
    from yt_dlp import YoutubeDL
    from yt_dlp.extractor import gen_extractor_classes

    with YoutubeDL(options) as reader:
        _disable_generic()
        readers = [kind for kind in gen_extractor_classes() if kind.ie_key() != "Generic" and kind._ENABLED]  # noqa: SLF001 - no other way to ask
        url = next((url for url in urls if any(kind.suitable(url) for kind in readers)), None)
        if url is None:
            return None
        info = reader.extract_info(url)
        if "entries" in (info or {}):
            info = reader.extract_info(**_only_entry(info))
        return _found(info or {}, folder, log)


def _disable_generic() -> None:
    """The reader for any page is asked for by name by some of the others; it follows links to wherever it likes."""
    from yt_dlp.extractor.generic import GenericIE
    from yt_dlp.utils import ExtractorError

    def refuse(*_: object) -> NoReturn:
        raise ExtractorError(_NO_READER, expected=True)

    GenericIE._real_extract = refuse  # noqa: SLF001 - what all readers override


def _only_entry(info: dict[str, Any]) -> dict[str, Any]:
    entries = [entry for entry in info["entries"] if entry]
    if len(entries) != 1 or not entries[0].get("url"):
        what = "several videos" if entries else "no video"
        raise Unsupported(f"the page holds {what}; give the URL of a page with one")
    return {"url": entries[0]["url"], "ie_key": entries[0].get("ie_key")}


def _found(info: dict[str, Any], folder: Path, log: _Log) -> PageVideo:
    if log.refusal is not None:
        raise Unsupported(log.refusal)
    if "entries" in info:
        raise Unsupported("the page holds several videos; give the URL of a page with one")
    names = [Path(done["filepath"]).name for done in info.get("requested_downloads") or [] if done.get("filepath")]
    if len(names) != 1 or not (folder / names[0]).is_file():
        if log.is_too_large:
            raise TooLarge("the video is larger than allowed")
        raise DownloadFailed(_NO_VIDEO)
    title = info.get("title")
    return PageVideo(names[0], str(title).strip() or None if title else None, str(info.get("extractor_key") or ""))


def _plain(error: Exception) -> CalotypeError:
    """What went wrong, in a sentence without addresses; passing where the network or the site's server is to blame."""
    chain = _causes(error)
    return _of_network(chain, str(error)) or _of_site(chain, str(error))


def _of_network(chain: Sequence[BaseException], text: str) -> DownloadFailed | None:
    from yt_dlp.networking.exceptions import HTTPError, RequestError
    from yt_dlp.utils import ContentTooShortError

    if answered := next((each for each in chain if isinstance(each, HTTPError)), None):
        return _answered(answered.status)
    if any(isinstance(each, (RequestError, ContentTooShortError)) for each in chain):
        return _broken()
    # After several tries the program tells the reason in words alone.
    if found := _ANSWERED.search(text):
        return _answered(int(found[1]))
    return _broken() if _GIVEN_UP in text else None


def _of_site(chain: Sequence[BaseException], text: str) -> CalotypeError:
    from yt_dlp.utils import ExtractorError

    if "No suitable extractor" in text:
        return Unsupported(_NO_READER)
    if "Requested format is not available" in text:
        return Unsupported("the page offers its video only as a stream of pieces, or picture and sound apart")
    if "No video formats found" in text:
        return DownloadFailed(_NO_VIDEO)
    said = next((each for each in chain if isinstance(each, ExtractorError) and each.expected), None)
    if said is not None:
        return DownloadFailed(f"the site's reader says: {_shown(str(said.orig_msg))}")
    return DownloadFailed(f"the site's reader failed ({type(chain[-1]).__name__}); a newer yt-dlp may read the page")


def _answered(status: int) -> DownloadFailed:
    return DownloadFailed(f"the site answered {status}", is_passing=may_pass(status))


def _broken() -> DownloadFailed:
    return DownloadFailed("the connection to the site broke", is_passing=True)


def _causes(error: BaseException | None) -> list[BaseException]:
    """An error and what it came from, in the several ways the program keeps that."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        each = waiting.pop(0)
        if each is None or any(each is known for known in found):
            continue
        found.append(each)
        kept = getattr(each, "exc_info", None)
        waiting += [each.__cause__, getattr(each, "cause", None), kept[1] if kept else None]
    return found


def _shown(text: str) -> str:
    return _URL.sub("(an address)", _COLOR.sub("", text)).strip()[:_MESSAGE]


class _Log:
    """Takes what the program says, and says what it must not take; facts it tells in no other way are kept."""

    def __init__(self) -> None:
        self.is_too_large = False
        self.refusal: str | None = None

    def filter(self, info: dict[str, Any], *, incomplete: bool) -> str | None:  # noqa: ARG002  # passed by name
        """Why a video is passed over: it has no end yet."""
        why = _LIVE.get(str(info.get("live_status"))) or ("live" if info.get("is_live") else None)
        if why:
            self.refusal = f"the video is {why}; only finished videos are downloaded"
        return self.refusal

    def debug(self, text: str) -> None:
        """Anything that is no warning."""
        self.is_too_large = self.is_too_large or "larger than max-filesize" in text

    def warning(self, text: str) -> None:
        """Nobody reads it."""

    def error(self, text: str) -> None:
        """It is raised as well."""
