"""Documents: listing, reading, searching and deleting them."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from calotype.domain.document_search import DocumentQuery
from calotype.web.apis.files.openapi import ERRORS, further, redirect
from calotype.web.apis.files.translate import document as translate
from calotype.web.apis.files.translate.file import batch_to_wire, changes_from_wire, updated_to_wire
from calotype.web.apis.files.wire import document as wire
from calotype.web.apis.files.wire import file as file_wire
from calotype.web.shared.context import Caller, LinkBase, Services
from calotype.web.shared.json_response import ModelResponse
from calotype.web.shared.wire_values import WireUuid

router = APIRouter(tags=["Files API: documents"], responses=ERRORS)


@router.get("/documents", response_model=wire.DocumentList)
async def list_documents(query: Annotated[wire.ListQuery, Query()], services: Services, caller: Caller) -> Response:
    """List documents, newest first."""
    status = translate.state_from_wire(query.status_filter)
    page = await services.documents.page(caller.scope, status, translate.window_from_wire(query))
    return ModelResponse(translate.page_to_wire(page, query))


@router.post("/documents/search", response_model=wire.SearchAnswer)
async def search_documents(body: wire.SearchRequest, services: Services, caller: Caller) -> Response:
    """Find the passages of documents that fit a question."""
    started = time.perf_counter()
    ids = tuple(body.document_ids) if body.document_ids is not None else None
    query = DocumentQuery(body.query, body.limit, body.similarity_threshold, document_ids=ids)
    found = await services.document_search.search(caller.scope, query)
    milliseconds = round((time.perf_counter() - started) * 1000)
    return ModelResponse(translate.found_to_wire(body.query, found, milliseconds))


@router.post("/documents/batch-delete", response_model=file_wire.BatchDeleteAnswer)
async def batch_delete_documents(body: wire.BatchDeleteRequest, services: Services, caller: Caller) -> Response:
    """Move 1 to 100 documents to the trash."""
    return ModelResponse(batch_to_wire(await services.documents.delete_many(caller.scope, body.document_ids)))


@router.get("/documents/{document_id}", response_model=wire.DocumentInfo)
async def get_document(document_id: WireUuid, services: Services, caller: Caller) -> Response:
    """One document."""
    return ModelResponse(translate.info_to_wire(await services.documents.get(caller.scope, document_id)))


@router.patch("/documents/{document_id}", response_model=file_wire.UpdateAnswer)
async def update_document(
    document_id: WireUuid, body: file_wire.UpdateRequest, services: Services, caller: Caller
) -> Response:
    """Change title or tags; what is absent stays, null clears."""
    asset = await services.documents.update(caller.scope, document_id, changes_from_wire(body))
    return ModelResponse(updated_to_wire(asset))


@router.delete("/documents/{document_id}", status_code=204, response_class=Response, responses=further(409))
async def delete_document(document_id: WireUuid, services: Services, caller: Caller) -> Response:
    """Move a document to the trash; it can be restored for 30 days."""
    await services.documents.delete(caller.scope, document_id)
    return Response(status_code=204)


@router.get("/documents/{document_id}/text", response_model=wire.DocumentTextAnswer, responses=further(409))
async def get_document_text(document_id: WireUuid, services: Services, caller: Caller) -> Response:
    """A document's text, once it is read."""
    return ModelResponse(translate.text_to_wire(await services.documents.text(caller.scope, document_id)))


@router.get("/documents/{document_id}/chunks", response_model=wire.ChunkList)
async def list_document_chunks(
    document_id: WireUuid, query: Annotated[wire.ChunksQuery, Query()], services: Services, caller: Caller
) -> Response:
    """The passages a document is searched by."""
    wanted = query.include_embeddings
    found = await services.documents.chunks(caller.scope, document_id, with_vectors=wanted)
    return ModelResponse(translate.chunks_to_wire(found, with_vectors=wanted))


@router.get(
    "/documents/{document_id}/download",
    status_code=302,
    response_class=RedirectResponse,
    responses=redirect("To a signed link that downloads the original, good for an hour"),
)
async def download_document(document_id: WireUuid, services: Services, caller: Caller, base: LinkBase) -> Response:
    """Redirect to the untouched original as an attachment."""
    found = await services.documents.get(caller.scope, document_id)
    return RedirectResponse(f"{base}{services.delivery.download_path(found.asset)}", 302)


@router.post("/documents/{document_id}/extract", status_code=202, response_model=wire.DocumentInfo)
async def extract_document_again(document_id: WireUuid, services: Services, caller: Caller) -> Response:
    """Have a document's text read again, after it failed above all; its passages are found until then."""
    document = await services.documents.extract_again(caller.scope, document_id)
    return ModelResponse(translate.info_to_wire(document), 202)
