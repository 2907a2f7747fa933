"""Every setting of the server, read from `CALOTYPE_*` environment variables; docs/configuration.md lists them all."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 1024 * 1024
_PREFIX = "CALOTYPE_"
_DAYS = 36_500  # a hundred years: calendars and clocks can be asked that far
Days = Annotated[int, Field(le=_DAYS)]
Hours = Annotated[float, Field(le=_DAYS * 24)]
Seconds = Annotated[float, Field(le=_DAYS * 86_400)]
_IN_NO_BASE_URL = frozenset(' ?#@"<>\\')
_LIKENESS = 0.75  # between 0 and 1, of a variable to the setting it may have been meant for


def _base_url(text: str) -> str:
    """Refuse what links cannot begin with, and never repeat it: a password may stand in it."""
    try:
        parts = urlsplit(text)
        is_server = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_server = False
    if not is_server or not (text.isascii() and text.isprintable()) or _IN_NO_BASE_URL & set(text):
        raise PydanticCustomError("base_url", "set it to http(s)://host[:port][/path], without query or fragment")
    return text


class Settings(BaseSettings):
    """The configuration of one process; each field's description is its documentation."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_ignore_empty=True, extra="ignore", allow_inf_nan=False)

    data_dir: Path = Field(Path("data"), description="Folder of the embedded database and of objects on local disk.")
    host: str = Field("127.0.0.1", description="Address the server listens on.")
    port: int = Field(8484, ge=0, le=65535, description="Port the server listens on; 0 takes a free one.")
    public_url: Annotated[str, AfterValidator(_base_url)] | None = Field(
        None, description="Base URL of links in answers, when it differs from the address a request came to."
    )
    database_url: str | None = Field(None, description="PostgreSQL 15+ with pgvector; absent: the embedded server.")
    storage_url: str | None = Field(
        None, description="Object store such as s3://bucket/prefix; absent: local disk under the data folder."
    )

    max_image_bytes: int = Field(100 * MIB, ge=1, description="Largest streamed image, in bytes.")
    max_document_bytes: int = Field(100 * MIB, ge=1, description="Largest document, in bytes.")
    max_video_bytes: int = Field(4096 * MIB, ge=1, description="Largest video, streamed or in chunks, in bytes.")
    chunk_bytes: int = Field(
        10 * MIB,
        ge=1,
        le=1024 * MIB,
        description="Bytes of a chunk of a video; more where there would be too many chunks.",
    )
    chunk_retries: int = Field(3, ge=0, le=1000, description="How often a chunk that went wrong gets a new target.")
    chunked_lifetime: int = Field(86_400, ge=1, le=2_592_000, description="Seconds a video may take to come in chunks.")
    max_concurrent_chunks: int = Field(5, ge=1, description="Chunks at once that clients are told to keep to.")
    max_batch_files: int = Field(100, ge=1, le=10_000, description="Most files of one batch upload.")
    max_batch_bytes: int = Field(10 * 1024 * MIB, ge=1, description="Most bytes of one batch upload.")
    max_pixels: int = Field(
        250_000_000,
        ge=1,
        description="Most pixels a picture may have, all frames counted, before it is refused.",
    )
    vision_max_images: int = Field(100, ge=1, le=1000, description="Most images of one upload through the Vision API.")
    vision_max_pixels: int = Field(
        100_000_000, ge=1, description="Most pixels a picture sent to the Vision API may have, all frames counted."
    )
    vision_max_video_bytes: int = Field(
        2048 * MIB, ge=1, description="Largest video sent to the Vision API, or fetched for it, in bytes."
    )
    vision_max_body_bytes: int = Field(
        10 * MIB, ge=1024, description="Most bytes of a Vision API request, files not counted."
    )
    max_custom_metadata_bytes: int = Field(
        64 * 1024, ge=2, description="Most bytes of what a client says of one image, as JSON text."
    )
    daily_image_uploads: int | None = Field(
        None, ge=0, description="Calls of images/upload a key may make within any 24 hours; absent: no limit."
    )
    daily_image_searches: int | None = Field(
        None, ge=0, description="Calls of images/search a key may make within any 24 hours; absent: no limit."
    )
    daily_video_uploads: int | None = Field(
        None, ge=0, description="Calls of videos/upload a key may make within any 24 hours; absent: no limit."
    )
    daily_video_searches: int | None = Field(
        None, ge=0, description="Searches of videos a key may make within any 24 hours; absent: no limit."
    )
    device_max_image_bytes: int = Field(50 * MIB, ge=1, description="Largest image a device may send, in bytes.")
    device_key_grace_seconds: Seconds = Field(
        3600, ge=0, description="Seconds a device's old key still works after another has taken its place."
    )
    batch_max_images: int = Field(1000, ge=1, description="Images after which a device's batch is closed.")
    batch_max_age_seconds: Seconds = Field(
        86_400, gt=0, description="Seconds after its first image until a device's batch is closed."
    )
    analysis_max_image_bytes: int = Field(50 * MIB, ge=1, description="Largest image of an analysis session, in bytes.")
    analysis_session_lifetime: Seconds = Field(86_400, gt=0, description="Seconds an analysis session can be used.")
    analysis_concurrency: int = Field(4, ge=1, le=1000, description="Images one worker analyses at once.")
    analysis_grace: Seconds = Field(
        30, ge=0, description="Seconds a client may be away until what has not begun of its analysis is called off."
    )
    analysis_single_wait: Seconds = Field(
        120, gt=0, description="Seconds analyze-single waits for its image to be begun."
    )
    max_concurrent_uploads: int = Field(8, ge=1, description="Uploads at once that clients are told to keep to.")
    presigned_lifetime: int = Field(600, ge=1, le=604_800, description="Seconds a presigned upload may be started in.")
    link_lifetime: int = Field(3600, ge=1, le=604_800, description="Seconds a signed link to a file lives.")
    trash_days: Days = Field(30, ge=0, description="Days a deleted file can be restored before it is purged.")
    rate_limit: int = Field(6000, ge=1, description="Requests allowed per key (or address without a key) in a window.")
    rate_window: int = Field(60, ge=1, le=_DAYS * 86_400, description="Length of the rate limit's window, in seconds.")

    fetch_allow: str = Field(
        "", description="Hosts, addresses and networks, comma-separated, that files are fetched from though not public."
    )
    fetch_timeout: Seconds = Field(60, gt=0, description="Seconds fetching one URL may take, redirects included.")
    download_least_rate: int = Field(
        64 * 1024, ge=1, description="Bytes a second a video's server must send on average, after fetch_timeout."
    )

    crawl_pause: Seconds = Field(
        1, ge=0, description="Seconds between two pages of links that are fetched from one host."
    )
    crawl_robots: bool = Field(
        True, description="Whether the pages of links are left alone that their robots.txt forbids."
    )
    crawl_max_page_bytes: int = Field(10 * MIB, ge=1, description="Largest page of a link, in bytes.")
    crawl_max_picture_bytes: int = Field(
        20 * MIB, ge=1, description="Largest picture that stands for the page of a link, in bytes."
    )

    webhook_timeout: Seconds = Field(15, gt=0, description="Seconds a webhook has to answer.")
    webhook_first_pause: float = Field(
        5, gt=0, le=3600, description="Seconds until a delivery that failed is tried again; later pauses grow from it."
    )
    webhook_log_days: Days = Field(30, ge=1, description="Days events and the log of their deliveries are kept.")

    vision_url: str | None = Field(
        None,
        description="Base URL of an OpenAI-compatible API whose model describes pictures; absent: what was measured is said.",
    )
    vision_model: str | None = Field(None, description="Name of the model at that API; required with its URL.")
    vision_api_key: SecretStr | None = Field(None, description="Key of that API, sent as a bearer token; absent: none.")
    vision_timeout: Seconds = Field(
        120, gt=0, description="Seconds the model has for one picture; up to three attempts are made."
    )

    speech_url: str | None = Field(
        None, description="Base URL of an OpenAI-compatible API whose model writes down what is said in videos."
    )
    speech_model: str | None = Field(
        None,
        description="Name of the model at that API; without a URL the folder of a Whisper model in the format of CTranslate2. "
        "Absent: nothing is written down.",
    )
    speech_api_key: SecretStr | None = Field(None, description="Key of that API, sent as a bearer token; absent: none.")
    speech_timeout: Seconds = Field(
        900,
        gt=0,
        description="Seconds the model has for at most ten minutes of sound; an API has up to three attempts.",
    )
    speech_language: str | None = Field(
        None, description="Code of the language that is spoken, such as de; absent: it is recognised."
    )

    worker_processes: int | None = Field(
        None, ge=1, description="Child processes that decode pictures; absent: one per core."
    )
    decode_memory_mb: int = Field(3072, ge=256, description="Memory limit of a decoding child, in MiB.")
    decode_timeout: Seconds = Field(60, gt=0, description="Seconds one picture may take to decode.")
    video_processes: int = Field(
        1, ge=1, le=64, description="Videos one worker indexes or encodes at once; each uses all cores."
    )
    video_memory_mb: int = Field(2048, ge=512, description="Memory limit of a child that works on a video, in MiB.")
    video_max_pixels: int = Field(
        40_000_000, ge=1, description="Most pixels one frame of a video may have, before it is refused."
    )
    document_memory_mb: int = Field(
        1024, ge=256, description="Memory limit of a child that reads documents or pages, in MiB."
    )
    keywords_as_tags: bool = Field(False, description="Whether a picture's own keywords are added to its tags.")
    ocr_enabled: bool = Field(True, description="Whether visible text is read from pictures.")
    document_timeout: Seconds = Field(
        300, gt=0, description="Seconds reading one document may take, scanned pages aside."
    )
    document_max_pages: int = Field(10_000, ge=1, description="Most pages of a document that are read.")
    document_max_characters: int = Field(10_000_000, ge=1, description="Most characters of a document that are read.")
    document_max_scans: int = Field(
        500, ge=0, description="Most scanned pages of a document whose text is read from their pictures."
    )
    ocr_timeout: Seconds = Field(120, gt=0, description="Seconds reading the text of one picture may take.")
    stalled_after: Seconds = Field(
        30, ge=2, description="Seconds without a heartbeat until a worker's jobs are given to others."
    )
    upkeep_interval: Seconds = Field(60, ge=1, description="Seconds between two looks for lost work and due purges.")
    orphan_age_hours: Hours = Field(24, ge=0, description="Hours until an object without a row is swept.")

    log_format: str = Field("auto", pattern="^(auto|console|json)$", description="auto, console or json.")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error.")


def misspelt_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that are no setting and look like one, each with that one; others, such as a container's own, are not ours."""
    names = [name.upper() for name in Settings.model_fields]
    found: dict[str, str] = {}
    for variable in sorted(environment):
        name = variable.upper().removeprefix(_PREFIX)
        if variable.upper().startswith(_PREFIX) and name not in names:
            nearest = difflib.get_close_matches(name, names, 1, _LIKENESS)
            found |= {variable: _PREFIX + nearest[0]} if nearest else {}
    return found


@functools.cache
def load_settings() -> Settings:
    """Read the environment once. Raises pydantic.ValidationError naming every bad variable."""
    return Settings()  # type: ignore[call-arg]  # the environment gives them
