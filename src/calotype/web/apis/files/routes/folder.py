"""Folder routes of the Files API."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from calotype.domain.folder import RemovalMode
from calotype.web.apis.files.openapi import ERRORS, further
from calotype.web.apis.files.translate import folder as translate
from calotype.web.apis.files.wire import folder as wire
from calotype.web.shared.context import Caller, Services
from calotype.web.shared.json_response import ModelResponse
from calotype.web.shared.wire_values import WireUuid

router = APIRouter(tags=["Files API: folders"], responses=ERRORS)


@router.get("/folders", response_model=wire.FolderList)
async def list_folders(services: Services, caller: Caller) -> Response:
    """All folders, by depth, then name."""
    return ModelResponse(translate.folders_to_wire(await services.folders.list(caller.scope)))


@router.post("/folders", status_code=201, response_model=wire.FolderItem, responses=further(409))
async def create_folder(body: wire.CreateFolderRequest, services: Services, caller: Caller) -> Response:
    """Make a folder, at the root or inside another one."""
    folder = await services.folders.create(caller.scope, body.name, body.parent_id)
    return ModelResponse(translate.folder_to_wire(folder), 201)


@router.post("/folders/move-files", response_model=wire.MoveFilesAnswer)
async def move_files(body: wire.MoveFilesRequest, services: Services, caller: Caller) -> Response:
    """Put 1 to 100 files into a folder, or at the root."""
    moved = await services.folders.move_files(caller.scope, body.file_ids, body.folder_id)
    return ModelResponse(wire.MoveFilesAnswer(moved=moved, total_requested=len(body.file_ids)))


@router.get("/folders/{folder_id}", response_model=wire.FolderContents)
async def get_folder(
    folder_id: WireUuid, query: Annotated[wire.FolderQuery, Query()], services: Services, caller: Caller
) -> Response:
    """One folder, the way to it, and the folders inside; its files are listed by `GET /user-files?folder_id=`."""
    return ModelResponse(translate.detail_to_wire(await services.folders.detail(caller.scope, folder_id), query))


@router.get("/folders/{folder_id}/breadcrumbs", response_model=wire.BreadcrumbList)
async def get_breadcrumbs(folder_id: WireUuid, services: Services, caller: Caller) -> Response:
    """The way from the root to a folder, itself included."""
    return ModelResponse(translate.breadcrumbs_to_wire(await services.folders.breadcrumbs(caller.scope, folder_id)))


@router.patch("/folders/{folder_id}", response_model=wire.FolderItem, responses=further(409))
async def rename_folder(
    folder_id: WireUuid, body: wire.RenameFolderRequest, services: Services, caller: Caller
) -> Response:
    """Give a folder another name."""
    return ModelResponse(translate.folder_to_wire(await services.folders.rename(caller.scope, folder_id, body.name)))


@router.post("/folders/{folder_id}/move", response_model=wire.FolderItem, responses=further(409))
async def move_folder(
    folder_id: WireUuid, body: wire.MoveFolderRequest, services: Services, caller: Caller
) -> Response:
    """Move a folder with everything in it into another one, or to the root."""
    folder = await services.folders.move(caller.scope, folder_id, body.new_parent_id)
    return ModelResponse(translate.folder_to_wire(folder))


@router.delete("/folders/{folder_id}", response_model=wire.RemoveFolderAnswer, responses=further(409))
async def remove_folder(
    folder_id: WireUuid, query: Annotated[wire.RemoveFolderQuery, Query()], services: Services, caller: Caller
) -> Response:
    """Remove a folder; what is in it moves up one level, or goes to the trash with everything below."""
    removal = await services.folders.remove(caller.scope, folder_id, RemovalMode(query.mode))
    return ModelResponse(translate.removal_to_wire(folder_id, removal, query))
