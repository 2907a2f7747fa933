"""Routes of videos uploaded in chunks; the chunks themselves are put to signed targets."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter
from starlette.responses import Response

from calotype.bootstrap import Application
from calotype.domain.chunked_upload import ChunkedAnnouncement, Priority
from calotype.services.chunked_completion import CompletionRequest
from calotype.web.apis.files.openapi import ERRORS, further
from calotype.web.apis.files.translate import chunked_upload as translate
from calotype.web.apis.files.wire import chunked_upload as wire
from calotype.web.shared.context import Caller, LinkBase, Services
from calotype.web.shared.json_response import ModelResponse
from calotype.web.shared.wire_values import WireUuid

router = APIRouter(prefix="/video-uploads", tags=["Files API: uploads"], responses=ERRORS)


@router.post("/initiate", status_code=201, response_model=wire.InitiateVideoAnswer, responses=further(402, 413, 415))
async def initiate_video_upload(
    body: wire.InitiateVideoRequest, services: Services, caller: Caller, base: LinkBase
) -> Response:
    """Announce a video; each of its chunks is then put to its `upload_url` and confirmed."""
    (made,) = await services.chunked_uploads.initiate(caller.scope, [translate.video_from_wire(body)])
    return ModelResponse(_announced(made, services, base), 201)


@router.post(
    "/batch/initiate", status_code=201, response_model=wire.InitiateBatchAnswer, responses=further(402, 413, 415)
)
async def initiate_video_uploads(
    body: wire.InitiateBatchRequest, services: Services, caller: Caller, base: LinkBase
) -> Response:
    """Announce up to ten videos, all of them or none."""
    videos = [translate.video_from_wire(video) for video in body.videos]
    batch = await services.chunked_uploads.initiate_batch(caller.scope, videos, Priority(body.processing_priority))
    announced = [_announced(made, services, base) for made in batch.videos]
    return ModelResponse(translate.batch_to_wire(batch, announced), 201)


@router.post("/chunks/confirm", response_model=wire.ConfirmChunkAnswer, responses=further(409, 410))
async def confirm_chunk(body: wire.ConfirmChunkRequest, services: Services, caller: Caller) -> Response:
    """Confirm that a chunk was put, by the etag the PUT was answered with."""
    upload, tally = await services.chunked_uploads.confirm(
        caller.scope, body.media_id, body.upload_id, body.chunk_number, body.etag, body.size_bytes
    )
    return ModelResponse(translate.confirmation_to_wire(body.chunk_number, upload, tally))


@router.post("/chunks/retry", response_model=wire.RetryChunkAnswer, responses=further(409, 410))
async def retry_chunk(body: wire.RetryChunkRequest, services: Services, caller: Caller, base: LinkBase) -> Response:
    """Get the target of a chunk that went wrong once more."""
    retry = await services.chunked_uploads.retry(caller.scope, body.media_id, body.upload_id, body.chunk_number)
    return ModelResponse(
        wire.RetryChunkAnswer(
            chunk_number=body.chunk_number,
            upload_url=base + retry.path,
            expires_at=retry.upload.expires_at,
            retry_attempt=retry.attempt,
            max_retries=services.chunked_uploads.terms.retries,
        )
    )


@router.get("/progress/{media_id}", response_model=wire.ProgressAnswer)
async def get_video_upload_progress(media_id: WireUuid, services: Services, caller: Caller) -> Response:
    """How far an upload is; `current_chunk` is the first chunk that still has to be put and confirmed."""
    return ModelResponse(translate.progress_to_wire(await services.chunked_uploads.progress(caller.scope, media_id)))


@router.post("/abort", response_model=wire.AbortAnswer, responses=further(409))
async def abort_video_upload(body: wire.AbortRequest, services: Services, caller: Caller) -> Response:
    """Give an upload up; its chunks are removed."""
    aborted = await services.chunked_uploads.abort(caller.scope, body.media_id, body.upload_id, body.reason)
    return ModelResponse(
        wire.AbortAnswer(
            media_id=body.media_id,
            cleaned_up=aborted.is_clean,
            chunks_removed=aborted.removed,
            s3_cleanup=aborted.is_clean,
        )
    )


@router.post("/complete", response_model=wire.CompleteAnswer, responses=further(402, 409, 410, 413, 415))
async def complete_video_upload(
    body: wire.CompleteRequest, services: Services, caller: Caller, base: LinkBase
) -> Response:
    """Put the chunks together; answered once the video and its rows are durable."""
    request = CompletionRequest(body.auto_analyze, body.analysis_type)
    done = await services.chunked_completion.complete(caller.scope, body.media_id, body.upload_id, request)
    return ModelResponse(translate.completion_to_wire(done, _links(base)))


def _announced(made: ChunkedAnnouncement, services: Application, base: str) -> wire.InitiateVideoAnswer:
    terms = services.chunked_uploads.terms
    return translate.announcement_to_wire(
        made.upload, made.targets, _links(base), at_once=terms.at_once, retries=terms.retries
    )


def _links(base: str) -> Callable[[str], str]:
    return lambda path: base + path
