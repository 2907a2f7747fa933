"""Libraries whose images mean something: described by hand, found by the search, with an embedder of another dimension beside."""

from __future__ import annotations

import json

import numpy as np

from calotype.domain.description import Description
from calotype.domain.descriptive_metadata import DescriptiveMetadata
from calotype.domain.image_search import ImageQuery, ImageSearchMode
from calotype.domain.search_text import to_tsvector
from calotype.services.embedding import EmbeddingService
from calotype.services.image_search import ImageSearchService
from calotype.services.reindexing import ReindexService


def described_as(text, visible_text=None, provider="test"):
    """A description that says this; everything else of it is the same for all."""
    metadata = DescriptiveMetadata("A picture", "A picture", "A picture.", text, "a-picture", ("one", "two", "three"))
    return Description(metadata, visible_text, None, (provider,))


class Says:
    """A describer that says what it was told to."""

    needs_picture = False

    def __init__(self, text: str) -> None:
        self.text = text

    async def describe(self, request):
        """The same words for every picture."""
        return described_as(self.text, request.visible_text)


class TinyEmbedder:
    """Three numbers a text: how often it speaks of the sea, of the mountains, and of anything else."""

    model = "tiny:'odd' name"
    dimension = 3

    def embed(self, texts):
        """Vectors of length one, all zero for no text."""
        counts = np.array(
            [[text.lower().count("sea"), text.lower().count("mountain"), 0.1 * bool(text.strip())] for text in texts],
            dtype=np.float32,
        ).reshape(len(texts), 3)
        lengths = np.linalg.norm(counts, axis=1, keepdims=True)
        return counts / np.where(lengths == 0, 1, lengths)


def say(library, asset_id, document):
    """Attach custom metadata to an asset, as an upload would before it is described."""
    library.sql(
        "INSERT INTO custom_metadata (asset_id, tenant_id, document, search) VALUES (%s, %s, %s, %s::tsvector)",
        asset_id,
        library.scope.tenant_id,
        json.dumps(document),
        to_tsvector([("A", "\n".join(value for value in document.values() if isinstance(value, str)))]),
    )


async def described(library, text, monkeypatch, *, document=None, **options):
    """Upload an image, attach what its client says, and do all its work with a describer that says `text`; returns its id."""
    asset_id = await library.take_in(**options)
    if document is not None:
        say(library, asset_id, document)
    with monkeypatch.context() as patched:
        patched.setattr(library.services.describing, "_describer", Says(text))
        await library.services.pictures.make_variants(library.scope, asset_id, 1)
        await library.services.descriptions.read_text(library.scope, asset_id, 1)
        await library.services.descriptions.describe(library.scope, asset_id, 1)
    library.sql("DELETE FROM procrastinate_jobs WHERE args->>'asset_id' = %s", str(asset_id))
    return asset_id


async def find(library, text, service=None, **options):
    """The ids a search finds, best first."""
    return [found.asset.id for found in await hits(library, text, service, **options)]


async def hits(library, text, service=None, **options):
    """What a search finds; `mode` may be named by its word."""
    if "mode" in options:
        options["mode"] = ImageSearchMode(options["mode"])
    return await (service or library.services.image_search).search(library.scope, ImageQuery(text, **options))


def services_of(library, embedder):
    """(embedding, searching, reindexing) of the same installation with another model."""
    own = library.services.image_search
    database, queue = own._database, library.services.embeddings._queue
    embeddings = EmbeddingService(database, queue, embedder)
    return embeddings, ImageSearchService(database, embedder), ReindexService(database, embeddings, embedder)


async def reindexed(reindexing, **options):
    """Run a reindexing to its end; returns the last progress."""
    last = None
    async for progress in reindexing.run(**options):
        last = progress
    return last
