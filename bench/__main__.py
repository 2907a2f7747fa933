"""All benchmarks, one after the other: `make bench`."""

from __future__ import annotations

from bench import (
    analyses,
    batch,
    chunked_uploads,
    colors,
    completeness,
    crawling,
    document_search,
    documents,
    duplicates,
    exports,
    fleet,
    folders,
    images,
    indexing,
    ingest,
    meaning,
    requests,
    search,
    similar,
    speech,
    start,
    stream,
    videos,
    web_pages,
)
from bench.report import report


def main() -> None:
    """Run those that measure the whole server; pictures and storage have benchmarks of their own."""
    results = [
        ingest.run("phone", 100),
        ingest.run("small", 500),
        stream.run(),
        chunked_uploads.run(),
        requests.run(),
        *search.run(),
        batch.run(),
        images.run(),
        *fleet.run(),
        *exports.run(),
        *analyses.run(),
        folders.run(),
        duplicates.run(),
        similar.run(),
        *colors.run(),
        *completeness.run(),
        crawling.run(),
        *documents.run(),
        *meaning.run(),
        *document_search.run(),
        speech.run(),
        *videos.run(),
        indexing.run(),
        start.run(),
        web_pages.run(),
    ]
    report(results)


if __name__ == "__main__":
    main()
