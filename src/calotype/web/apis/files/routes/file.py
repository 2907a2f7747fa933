"""Listing, reading, changing and deleting: the file routes of the Files API."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from calotype.web.apis.files.openapi import ERRORS, further, redirect
from calotype.web.apis.files.signed_links import original_links, playback_links, variant_links
from calotype.web.apis.files.translate import file as translate
from calotype.web.apis.files.translate.upload_status import task_id
from calotype.web.apis.files.wire import file as wire
from calotype.web.shared.context import Caller, LinkBase, Services
from calotype.web.shared.json_response import ModelResponse
from calotype.web.shared.wire_values import WireUuid

router = APIRouter(tags=["Files API: files"], responses=ERRORS)


@router.get("/user-files", response_model=wire.FileList)
async def list_files(
    query: Annotated[wire.ListQuery, Query()], services: Services, caller: Caller, base: LinkBase
) -> Response:
    """List and search files."""
    scope = caller.scope.trashed() if query.trashed else caller.scope
    page = await services.search.page(scope, translate.filter_from_wire(query), translate.page_from_wire(query))
    return ModelResponse(
        translate.page_to_wire(
            page,
            variant_links(services, base),
            playback_links(services, caller, base),
            original_links(services, base),
        )
    )


@router.post("/user-files/batch-delete", response_model=wire.BatchDeleteAnswer)
async def batch_delete_files(body: wire.BatchDeleteRequest, services: Services, caller: Caller) -> Response:
    """Move 1 to 100 files to the trash."""
    return ModelResponse(translate.batch_to_wire(await services.trash.delete_many(caller.scope, body.file_ids)))


@router.get("/user-files/{file_id}", response_model=wire.Detail, responses=further(409))
async def get_file(file_id: str, services: Services, caller: Caller, base: LinkBase) -> Response:
    """One file with its history, by its id or the first eight characters of it."""
    detail = await services.assets.detail(caller.scope, file_id)
    return ModelResponse(
        translate.detail_to_wire(
            detail,
            variant_links(services, base),
            original_links(services, base),
            playback_links(services, caller, base),
        )
    )


@router.patch("/user-files/{file_id}", response_model=wire.UpdateAnswer)
async def update_file(file_id: WireUuid, body: wire.UpdateRequest, services: Services, caller: Caller) -> Response:
    """Change title or tags; what is absent stays, null clears."""
    asset = await services.assets.update(caller.scope, file_id, translate.changes_from_wire(body))
    return ModelResponse(translate.updated_to_wire(asset))


@router.delete("/user-files/{file_id}", response_model=wire.DeleteAnswer)
async def delete_file(file_id: WireUuid, services: Services, caller: Caller) -> Response:
    """Move a file to the trash; it can be restored for 30 days."""
    deleted_at = await services.trash.delete(caller.scope, file_id)
    return ModelResponse(wire.DeleteAnswer(id=file_id, deleted_at=deleted_at))


@router.post("/user-files/{file_id}/restore", response_model=wire.RestoreAnswer, responses=further(409))
async def restore_file(file_id: WireUuid, services: Services, caller: Caller) -> Response:
    """Bring a deleted file back."""
    restored_at = await services.trash.restore(caller.scope, file_id)
    return ModelResponse(wire.RestoreAnswer(id=file_id, restored_at=restored_at))


@router.get(
    "/user-files/{file_id}/variant/{variant_type}",
    status_code=302,
    response_class=RedirectResponse,
    responses=redirect("To a signed link to the variant, good for an hour"),
)
async def get_variant(
    file_id: WireUuid, variant_type: str, services: Services, caller: Caller, base: LinkBase
) -> Response:
    """Redirect to a variant: original, tiny_64, small_256, medium_512, medium_750 or large_1024."""
    asset, name = await services.assets.with_variant(caller.scope, file_id, variant_type)
    path = services.delivery.variant_path(asset, name) if name else services.delivery.original_path(asset)
    return RedirectResponse(f"{base}{path}", 302)


@router.get(
    "/user-files/{file_id}/download",
    status_code=302,
    response_class=RedirectResponse,
    responses=redirect("To a signed link that downloads the original, good for an hour") | further(400),
)
async def download_file(file_id: WireUuid, services: Services, caller: Caller, base: LinkBase) -> Response:
    """Redirect to the untouched original as an attachment."""
    asset = await services.assets.original(caller.scope, file_id)
    return RedirectResponse(f"{base}{services.delivery.download_path(asset)}", 302)


@router.post(
    "/user-files/{file_id}/trigger-variants",
    response_model=wire.TriggerAnswer | wire.RunningTriggerAnswer,
    responses=further(400),
)
async def trigger_variants(file_id: WireUuid, services: Services, caller: Caller) -> Response:
    """Make a picture's variants again."""
    run = await services.assets.trigger_variants(caller.scope, file_id)
    task = task_id(run.id)
    if run.is_new:
        return ModelResponse(wire.TriggerAnswer(task_id=task, current_status="queued", image_id=file_id))
    status = "queued" if run.status.value == "pending" else "processing"
    return ModelResponse(wire.RunningTriggerAnswer(task_id=task, current_status=status, image_id=file_id))
