"""Groups of videos of the Vision API."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from calotype.domain.errors import Conflict, InvalidInput
from calotype.services.video_group import group_not_found
from calotype.web.apis.vision.answers import json_answer
from calotype.web.apis.vision.body import body_of
from calotype.web.apis.vision.openapi import BODY_ERRORS, CONFLICTS, ERRORS, body
from calotype.web.apis.vision.routes.video import Links, NamedIdsBody, every_id
from calotype.web.apis.vision.translate.ids import parse_id
from calotype.web.apis.vision.translate.video import (
    DEFAULT,
    default_group,
    done,
    group_to_wire,
    groups_to_wire,
    moved_to_wire,
    videos_to_wire,
)
from calotype.web.apis.vision.wire import video as wire
from calotype.web.shared.context import Caller, Services

router = APIRouter(tags=["Vision API: groups of videos"], responses=ERRORS)
_MAX_NAME = 255


async def _group_id(group_id: str) -> UUID | None:
    """The id in a path, None for the default pool. Raises NotFound for what is none."""
    if group_id.lower() == DEFAULT:
        return None
    found = parse_id(group_id)
    if found is None:
        raise group_not_found()
    return found


async def _own_group_id(group_id: Annotated[UUID | None, Depends(_group_id)]) -> UUID:
    """The id of a group that can be changed. Raises Conflict for the default pool."""
    if group_id is None:
        raise Conflict("The default group cannot be changed", reason="default_group", field="group_id")
    return group_id


GroupId = Annotated[UUID | None, Depends(_group_id)]
OwnGroupId = Annotated[UUID, Depends(_own_group_id)]
NewGroupBody = Annotated[wire.NewGroup, Depends(body_of(wire.NewGroup))]
ChangeBody = Annotated[wire.GroupChange, Depends(body_of(wire.GroupChange))]


async def create_group(wanted: NewGroupBody, services: Services, caller: Caller) -> Response:
    """Make a group."""
    name = _name(wanted.name)
    return json_answer(group_to_wire(await services.video_groups.create(caller.scope, name, wanted.metadata)))


def _name(text: str) -> str:
    name = text.strip()
    if not 1 <= len(name) <= _MAX_NAME:
        raise InvalidInput(f"name must have 1 to {_MAX_NAME} characters", field="name")
    return name


async def list_groups(services: Services, caller: Caller) -> Response:
    """All groups, newest first, without the default one."""
    return json_answer(groups_to_wire(await services.video_groups.groups(caller.scope)))


async def get_group(group_id: GroupId, services: Services, caller: Caller) -> Response:
    """One group."""
    if group_id is None:
        return json_answer(default_group())
    return json_answer(group_to_wire(await services.video_groups.one(caller.scope, group_id)))


async def change_group(group_id: OwnGroupId, wanted: ChangeBody, services: Services, caller: Caller) -> Response:
    """Give a group another name or other metadata; what is absent stays."""
    has_name = wanted.name is not None and bool(wanted.name.strip())
    if not has_name and not wanted.metadata:
        raise InvalidInput("name or metadata is required", field="name", is_missing=True)
    name = _name(wanted.name or "") if has_name else None
    group = await services.video_groups.change(caller.scope, group_id, name, wanted.metadata)
    return json_answer(group_to_wire(group))


async def delete_group(group_id: OwnGroupId, services: Services, caller: Caller) -> Response:
    """Delete a group that holds no videos."""
    await services.video_groups.delete(caller.scope, group_id)
    return json_answer(done("Group deleted successfully"))


async def list_videos_of_group(group_id: GroupId, services: Services, caller: Caller, links: Links) -> Response:
    """The videos of a group, newest first."""
    return json_answer(videos_to_wire(await services.video_groups.videos(caller.scope, group_id), links))


async def add_videos_to_group(group_id: GroupId, wanted: NamedIdsBody, services: Services, caller: Caller) -> Response:
    """Answer for videos that are in the group already; here none is ever moved."""
    await services.video_groups.check_members(caller.scope, group_id, every_id(wanted))
    return json_answer(moved_to_wire(group_id, []))


for _prefix, _kind in (("/videos/groups", "group"), ("/video-groups", "video_group")):
    _one, _members = f"{_prefix}/{{group_id}}", f"{_prefix}/{{group_id}}/videos"
    _new, _many = body(wire.NewGroup), body(wire.NamedIds)
    router.add_api_route(
        _prefix,
        create_group,
        name=f"create_{_kind}",
        methods=["POST"],
        response_model=wire.Group,
        responses=BODY_ERRORS | CONFLICTS,
        openapi_extra=_new,
    )
    router.add_api_route(_prefix, list_groups, name=f"list_{_kind}s", methods=["GET"], response_model=wire.Groups)
    router.add_api_route(_one, get_group, name=f"get_{_kind}", methods=["GET"], response_model=wire.Group)
    router.add_api_route(
        _one,
        change_group,
        name=f"change_{_kind}",
        methods=["PATCH"],
        response_model=wire.Group,
        responses=BODY_ERRORS | CONFLICTS,
        openapi_extra=body(wire.GroupChange),
    )
    router.add_api_route(
        _one, delete_group, name=f"delete_{_kind}", methods=["DELETE"], response_model=wire.Done, responses=CONFLICTS
    )
    router.add_api_route(
        _members, list_videos_of_group, name=f"list_videos_of_{_kind}", methods=["GET"], response_model=wire.Videos
    )
    router.add_api_route(
        _members,
        add_videos_to_group,
        name=f"add_videos_to_{_kind}",
        methods=["POST"],
        response_model=wire.Moved,
        responses=BODY_ERRORS | CONFLICTS,
        openapi_extra=_many,
    )
router.add_api_route(
    "/videos/group", create_group, methods=["POST"], response_model=wire.Group, include_in_schema=False
)
