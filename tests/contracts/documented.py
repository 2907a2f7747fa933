"""What the server's own OpenAPI document says of its routes, and which of the names in it stand for an object of a tenant."""

from __future__ import annotations

from typing import Any

# Names in paths, queries and bodies that stand for an object of a tenant, and those that do not.
IDS = {
    "group_id",
    "group_ids",
    "video_ids",
    "batch_id",
    "device_id",
    "document_id",
    "document_ids",
    "file_id",
    "file_ids",
    "hashes",
    "id",
    "ids",
    "image_id",
    "image_ids",
    "job_id",
    "media_id",
    "object_key",
    "folder_id",
    "link_id",
    "parent_id",
    "new_parent_id",
    "scene_id",
    "session_id",
    "sessionId",
    "upload_id",
    "uploadPath",
    "video_id",
    "webhook_id",
}
PLAIN = {
    "caption_mode",
    "caption_prompt",
    "chunking_config",
    "config",
    "enable_thumbnails",
    "encode_chunks",
    "persist_frames",
    "person_indexing",
    "video_absolute_start_timestamp",
    "video_name",
    "video_start_absolute_timestamp",
    "video_url",
    "add_ocr_to_caption",
    "datetime_from",
    "datetime_to",
    "generate_report",
    "search_demo",
    "timestamp_from",
    "timestamp_to",
    "use_embeds_rerank",
    "use_llm_rerank",
    "analysis_model",
    "analysis_provider",
    "analysis_type",
    "auto_analyze",
    "auto_crawl",
    "auto_describe",
    "auto_process",
    "chunk_number",
    "color_family",
    "color_name",
    "content_type",
    "date_from",
    "date_to",
    "delta_e_threshold",
    "document_types",
    "duplicate_policy",
    "duration_extraction_failed",
    "duration_seconds",
    "etag",
    "events",
    "file",
    "file_count",
    "filename",
    "files",
    "filters",
    "format",
    "has_description",
    "include_failed",
    "intent",
    "force",
    "hex_code",
    "image",
    "image_urls",
    "image_weight",
    "include_embeddings",
    "images",
    "index",
    "indexing_config",
    "limit",
    "max_distance",
    "max_results",
    "media_types",
    "metadata",
    "mode",
    "name",
    "min_percentage",
    "n_colors",
    "offset",
    "operator",
    "page",
    "page_size",
    "originalFilename",
    "priority",
    "processing_priority",
    "query",
    "reason",
    "recorded_timestamp_utc",
    "requests",
    "search",
    "search_mode",
    "secret",
    "similarity_threshold",
    "size_bytes",
    "skip_duplicates",
    "sort_by",
    "sort_order",
    "status",
    "status_filter",
    "storage_target",
    "stuck_minutes",
    "tags",
    "text_weight",
    "threshold",
    "title",
    "trashed",
    "upload_method",
    "url",
    "value",
    "variant_type",
    "verbose",
    "verification_level",
    "videos",
}
PUBLIC = {"/health", "/metrics"}


def documented_routes(document: dict[str, Any]) -> list[tuple[str, str, set[str]]]:
    """(method, path, names of parameters and body keys) of every route."""
    return [
        (method.upper(), path, _names(document, operation))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]


def _names(document, operation):
    names = {parameter["name"] for parameter in operation.get("parameters", [])}
    for content in operation.get("requestBody", {}).get("content", {}).values():
        names |= _keys(document, content["schema"])
    return names


def _keys(document, schema):
    """The names of all keys of a schema, however deep."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    names = set(schema.get("properties", {}))
    nested = [*schema.get("properties", {}).values(), *schema.get("anyOf", []), *schema.get("allOf", [])]
    nested += [schema["items"]] if "items" in schema else []
    return names.union(*(_keys(document, part) for part in nested))
