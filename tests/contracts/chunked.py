"""Sending videos in chunks, as a client does, and what the answers must look like: section 12."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from tests.contracts.shapes import (
    count,
    each,
    expect,
    integer,
    null,
    nullable,
    number,
    one_of,
    shaped,
    text,
    timestamp,
    url,
    uuid,
)

VIDEOS = "/api/v2/video-uploads"
CHUNK_BYTES = 4_000


def percent(value):
    """A share of a hundred."""
    return number(value) and 0 <= value <= 100


CHUNK = {
    "chunk_number": integer,
    "size_bytes": integer,
    "upload_url": url,
    "upload_method": one_of("PUT"),
    "expires_at": timestamp,
}
INITIATED = {
    "media_id": uuid,
    "upload_id": text,
    "chunks": each(shaped(CHUNK)),
    "total_chunks": count,
    "chunk_size_bytes": count,
    "expires_at": timestamp,
    "storage_path": text,
    "concurrent_upload_limit": one_of(5),
    "retry_attempts": one_of(3),
}
BATCH = {
    "batch_id": uuid,
    "videos": each(shaped(INITIATED)),
    "total_videos": count,
    "total_size_bytes": count,
    "estimated_time_seconds": number,
    "processing_priority": one_of("low", "normal", "high"),
}
CONFIRMED = {
    "chunk_number": integer,
    "status": one_of("completed"),
    "chunks_completed": count,
    "total_chunks": count,
    "progress_percent": percent,
    "estimated_time_remaining": nullable(count),
}
RETRIED = {
    "chunk_number": integer,
    "upload_url": url,
    "expires_at": timestamp,
    "retry_attempt": integer,
    "max_retries": one_of(3),
}
PROGRESS = {
    "media_id": uuid,
    "upload_id": text,
    "status": one_of("uploading", "processing", "completed", "failed", "aborted"),
    "chunks_completed": count,
    "total_chunks": count,
    "bytes_uploaded": count,
    "total_bytes": count,
    "progress_percent": percent,
    "estimated_time_remaining": nullable(count),
    "current_chunk": nullable(integer),
    "failed_chunks": each(integer),
    "last_updated": timestamp,
}
ABORTED = {
    "media_id": uuid,
    "status": one_of("aborted"),
    "cleaned_up": lambda value: isinstance(value, bool),
    "chunks_removed": count,
    "s3_cleanup": lambda value: isinstance(value, bool),
}
METADATA = {
    "duration_seconds": number,
    "resolution": text,
    "width": count,
    "height": count,
    "frame_rate": number,
    "video_codec": text,
    "audio_codec": nullable(text),
    "bitrate_kbps": count,
    "file_size_bytes": count,
    "format_name": text,
}
COMPLETED = {
    "media_id": uuid,
    "status": one_of("completed"),
    "metadata": shaped(METADATA),
    "thumbnail_url": null,
    "video_url": url,
    "analysis_job_id": nullable(uuid),
    "processing_status": one_of("pending", "queued", "processing", "completed", "failed"),
    "created_at": timestamp,
}


@dataclass
class Sending:
    """A video on its way: what was announced of it, and its bytes."""

    client: httpx.Client
    made: dict[str, Any]
    data: bytes

    @classmethod
    def begin(cls, client: httpx.Client, data: bytes, **fields: Any) -> Sending:
        """Announce some bytes as a video."""
        body = {"filename": "pier.mp4", "content_type": "video/mp4", "size_bytes": len(data), **fields}
        return cls(client, expect(client.post(f"{VIDEOS}/initiate", json=body), INITIATED, 201), data)

    @property
    def id(self) -> str:
        """The id of the file it will be."""
        return str(self.made["media_id"])

    @property
    def ids(self) -> dict[str, str]:
        """Both ids, as they stand in bodies."""
        return {"media_id": self.id, "upload_id": self.made["upload_id"]}

    @property
    def numbers(self) -> range:
        """The numbers of its chunks."""
        return range(1, self.made["total_chunks"] + 1)

    def part(self, number: int) -> bytes:
        """The bytes of one chunk."""
        size = self.made["chunk_size_bytes"]
        return self.data[(number - 1) * size : number * size]

    def put(self, number: int, data: bytes | None = None) -> httpx.Response:
        """Put a chunk, without a token."""
        content = self.part(number) if data is None else data
        return httpx.put(self.made["chunks"][number - 1]["upload_url"], content=content, timeout=60, verify=False)

    def confirm(self, number: int, etag: str | None = None, **changes: Any) -> httpx.Response:
        """Confirm a chunk; `changes` take the place of what is right."""
        body = {"chunk_number": number, "etag": etag, "size_bytes": len(self.part(min(number, len(self.numbers))))}
        return self.post("chunks/confirm", **{**body, **changes})

    def send(self, *numbers: int) -> None:
        """Put and confirm chunks, all of them unless some are named."""
        for place in numbers or self.numbers:
            put = self.put(place)
            assert put.status_code == 200, put.text
            expect(self.confirm(place, put.headers["etag"]), CONFIRMED)

    def post(self, path: str, **body: Any) -> httpx.Response:
        """Ask something of this upload; names in `body` take the place of its ids."""
        return self.client.post(f"{VIDEOS}/{path}", json={**self.ids, **body})

    def complete(self, **body: Any) -> httpx.Response:
        """Have the chunks put together."""
        return self.post("complete", **{"duration_seconds": 1.0, "auto_analyze": False, **body})

    def progress(self) -> dict[str, Any]:
        """How far it is."""
        return expect(self.client.get(f"{VIDEOS}/progress/{self.id}"), PROGRESS)
