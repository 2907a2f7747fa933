"""Requests made from the OpenAPI document, sent to a running server, and what is wrong with its answers.

Schemathesis makes the requests and judges the answers. Which ones it makes depends on the document and a seed, and how many on
the numbers below, never on a clock: a busy machine sends the same ones, only later.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import hypothesis
import schemathesis
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.generation.drivers import CoverageGenerator
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.generation.overrides import Override
from schemathesis.specs.openapi import checks
from schemathesis.transport.serialization import Binary

import requests
from tests.contracts.chunked import Sending
from tests.contracts.devices import enrol
from tests.contracts.photos import photo
from tests.contracts.videos import new_group
from tests.running import PATIENCE, RunningServer, upload
from tests.small_film import small_film

EDGES = 8  # requests to each operation at the edges of what it takes, and just beyond
FITTING = 4  # requests that fit its models
WRONG = 3  # requests that do not
_SEED = 9
_CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    schemathesis.checks.not_a_server_error,
]
_POSITIVE, _NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
_MODES = {_POSITIVE: FITTING, _NEGATIVE: WRONG}
_QUIET = hypothesis.settings(
    database=None,
    deadline=None,
    phases=[hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)


@dataclass(frozen=True)
class Tenant:
    """A tenant with at least one object of each kind; `ids` has them by the names that stand for them in the document."""

    url: str
    key: str
    device_key: str
    ids: Mapping[str, Sequence[str]]

    def credential(self, path: str) -> dict[str, str]:
        """The header that a path wants."""
        if path.startswith("/api/device/"):
            return {"X-Device-Key": self.device_key}
        return {"Authorization": f"Bearer {self.key}"}


def furnished(server: RunningServer) -> Tenant:
    """A new tenant with something of everything, but without credits: nothing it asks for has to wait for a worker."""
    key = server.new_key()
    with server.client(key) as client:

        def post(path: str, **options: Any) -> Any:
            answer = client.post(path, **options)
            assert answer.is_success, answer.text
            return answer.json()

        picture = upload(client, photo())["image_id"]
        trashed = upload(client, photo())["image_id"]
        text = upload(client, b"# Boats\n\nThe harbour is full of boats.\n", "boats.md")["image_id"]
        link = post("/api/v2/user-files/links", json={"url": "https://example.com/", "auto_crawl": False})["id"]
        folder = post("/api/v2/folders", json={"name": "Boats"})["id"]
        batch = post("/api/v2/user-files/upload/stream-batch", files=[("files", ("a.jpg", photo()))])["session_id"]
        presigned = {"filename": "a.jpg", "content_type": "image/jpeg", "size_bytes": "1000"}
        announced = post("/api/v2/user-files/upload/initiate", data=presigned)["image_id"]
        sending = Sending.begin(client, small_film())
        film = post("/videos/upload", files={"file": ("a.mp4", small_film(), "video/mp4")}, data={"index": "false"})
        camera = enrol(server, client)
        seen = camera.upload()
        hook = post("/api/webhooks", json={"url": "https://example.com/", "events": ["batch.closed"]})["data"]["id"]
        session = post("/image-forge-api/v1/sessions", files=[("images", ("a.jpg", photo()))])["sessionId"]
        client.delete(f"/api/v2/user-files/{trashed}").raise_for_status()
        files = [picture, trashed, text, link, film["video_id"]]
        names = {
            "file_id": files,
            "document_id": [text, picture],
            "link_id": [link, picture],
            "image_id": [picture, trashed, announced],
            "folder_id": [folder],
            "media_id": [sending.id, film["video_id"]],
            "upload_id": [sending.ids["upload_id"]],
            "video_id": [film["video_id"], sending.id],
            "group_id": [str(new_group(client, "Boats")["group_id"]), "default"],
            "session_id": [batch, session],
            "device_id": [camera.id],
            "batch_id": [seen["batch_id"]],
            "webhook_id": [hook],
            "variant_type": ["original", "tiny_64"],
        }
    plural = {f"{name}s": ids for name, ids in names.items()}
    further = {"ids": files, "sessionId": [session], "parent_id": [folder], "new_parent_id": [folder]}
    return Tenant(server.url, key, camera.key, {**names, **plural, **further})


def pinned(document: Mapping[str, Any], ids: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The document with these ids as one choice wherever their names stand, so that some requests are about what there is.

    Objects of answers may have no keys but those that are named. Credentials are not to be made up, since the wrong ones would
    be all that is looked at.
    """
    found = copy.deepcopy(dict(document))
    del found["components"]["securitySchemes"]
    for operation in _operations(found):
        del operation["security"]
        for parameter in operation.get("parameters", []):
            if parameter["name"] in ids:
                parameter["schema"] = _choice(parameter["schema"], ids[parameter["name"]])
    for schema in _objects(found):
        properties = schema["properties"]
        properties |= {name: _choice(part, ids[name]) for name, part in properties.items() if name in ids}
    for schema in found["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return found


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for operations in document["paths"].values():
        yield from operations.values()


def _objects(part: Any) -> Iterator[dict[str, Any]]:
    """Every schema of an object, however deep."""
    if isinstance(part, list):
        for one in part:
            yield from _objects(one)
    elif isinstance(part, dict):
        if isinstance(part.get("properties"), dict):
            yield part
        for one in part.values():
            yield from _objects(one)


def _choice(schema: dict[str, Any], ids: Sequence[str]) -> dict[str, Any]:
    """A schema that every string may also be one of the ids."""
    if schema.get("type") == "string":
        return {"anyOf": [{"type": "string", "enum": list(ids)}, schema]}
    if schema.get("type") == "array":
        return {**schema, "items": _choice(schema["items"], ids)}
    if "anyOf" in schema:
        return {**schema, "anyOf": [_choice(part, ids) for part in schema["anyOf"]]}
    return schema


def faults(document: Mapping[str, Any], tenant: Tenant, tag: str) -> tuple[int, list[str]]:
    """Try all operations whose tag begins so; how many requests were sent, and what was wrong, one of a kind each.

    What is deleted is gone for the rest, so DELETE comes last.
    """
    files = [photo(), small_film(), b"# Boats\n\nThe harbour is full of boats.\n", b"MZ\x90\x00" + bytes(50), b""]
    schemathesis.openapi.format("binary", st.sampled_from([Binary(data) for data in files]))
    schema = schemathesis.openapi.from_dict(pinned(document, tenant.ids))
    found = [result.ok() for result in schema.get_all_operations()]
    operations = [operation for operation in found if any(own.startswith(tag) for own in operation.tags)]
    operations.sort(key=lambda operation: operation.method.lower() == "delete")
    trial = _Trial(tenant)
    with requests.Session() as trial.session:
        for operation in operations:
            trial.send_edges(operation)
            trial.send_drawn(operation)
    return trial.sent, list(trial.faults.values())


class _Trial:
    """Requests of one tenant, and the faults of their answers by operation and kind."""

    def __init__(self, tenant: Tenant) -> None:
        self.session = requests.Session()
        self.sent = 0
        self.faults: dict[tuple[str, ...], str] = {}
        self._tenant = tenant

    def send_edges(self, operation: schemathesis.APIOperation) -> None:
        """Some of the requests with values that are just large, small, long, or missing enough."""
        edges = CoverageGenerator(
            operation=operation,
            generation_modes=list(_MODES),
            generation_config=operation.schema.config.generation,
            auth_storage=None,
            override=Override(),
            feedback=NO_FEEDBACK,
        )
        cases = list(edges)
        for case in random.Random(_SEED).sample(cases, min(EDGES, len(cases))):
            self._send(case)

    def send_drawn(self, operation: schemathesis.APIOperation) -> None:
        """Requests drawn at random, some of which fit the operation's models."""
        # Any text may stand in an id's place, so where nothing else is sent there is nothing wrong to draw, only to look for.
        modes = _MODES if operation.body or operation.query else {_POSITIVE: FITTING}
        for mode, count in modes.items():

            @hypothesis.seed(_SEED)
            @hypothesis.settings(_QUIET, max_examples=count)
            @hypothesis.given(operation.as_strategy(generation_mode=mode))
            def send(case: schemathesis.Case) -> None:
                self._send(case)

            send()

    def _send(self, case: schemathesis.Case) -> None:
        self.sent += 1
        headers = self._tenant.credential(case.operation.path)
        try:
            case.call_and_validate(
                self._tenant.url,
                self.session,
                headers,
                _CHECKS,
                allow_redirects=False,
                timeout=PATIENCE,
            )
        except FailureGroup as error:
            kinds = tuple(sorted({failure.title + failure.message[:80] for failure in error.exceptions}))
            self.faults.setdefault((case.operation.label, *kinds), f"{case.operation.label}\n{error.message}")
