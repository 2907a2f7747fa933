"""Searching for programs that act for people: images, documents and videos, each by the search there is for it.

Beside what is found by what it shows stands what is found by its name, title and tags alone, so that nothing is out of reach
before it is described or analysed.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from uuid import UUID

from calotype.ai.interfaces import TextEmbedder
from calotype.db.asset import select_assets
from calotype.db.engine import Database
from calotype.db.image_search import select_by_words
from calotype.db.listing import select_page
from calotype.db.video import select_videos
from calotype.domain.agent_search import AgentAnswer, AgentQuery, AgentSearchMode, FoundVideo
from calotype.domain.asset import Asset
from calotype.domain.document_search import DocumentQuery, FoundChunk
from calotype.domain.embedding import EmbeddingSource
from calotype.domain.image import IMAGE
from calotype.domain.image_search import FoundImage, ImageFilter, ImageQuery
from calotype.domain.listing import AssetFilter, PageRequest, SortKey
from calotype.domain.ranking import DEPTH, fused, score_of_one_way
from calotype.domain.scope import Scope
from calotype.domain.search_text import words
from calotype.domain.stop_words import STOP_WORDS
from calotype.domain.video import VIDEO, LibraryVideo
from calotype.domain.video_search import FoundScene, SceneFilter, SceneQuery
from calotype.services.document_search import DocumentSearchService
from calotype.services.image_search import ImageSearchService
from calotype.services.question import Question, read_question
from calotype.services.video_search import VideoSearchService

_SCENES = 1_000
"""Scenes that are looked at, since many may be of one video."""


class AgentSearchService:
    """Answers one question at a time, and remembers none."""

    def __init__(
        self,
        database: Database,
        embedder: TextEmbedder,
        images: ImageSearchService,
        documents: DocumentSearchService,
        videos: VideoSearchService,
    ) -> None:
        self._database = database
        self._embedder = embedder
        self._images = images
        self._documents = documents
        self._videos = videos

    async def images(self, scope: Scope, query: AgentQuery) -> AgentAnswer[FoundImage]:
        """The images that fit best by what they show or are called, then those the listing's full text finds besides."""
        if query.is_browsing:
            newest = await self._listed(scope, IMAGE, query, None, ())
            return AgentAnswer(AgentSearchMode.BROWSE, tuple(FoundImage(asset, None, 1.0) for asset in newest))
        question = await read_question(self._embedder, query.text)
        wanted = ImageFilter(query.folder_id, query.ids, undescribed=True)
        found = await self._images.search(
            scope, ImageQuery(query.text, min(query.limit, DEPTH), wanted=wanted), question
        )
        besides = await self._listed(scope, IMAGE, query, query.text, {hit.asset.id for hit in found})
        least = _score_of_the_rest([hit.score for hit in found])
        found += [FoundImage(asset, None, least) for asset in besides]
        return AgentAnswer(_mode(question), tuple(found[: query.limit]))

    async def documents(self, scope: Scope, query: AgentQuery) -> AgentAnswer[FoundChunk]:
        """The passages of documents that fit best."""
        wanted = DocumentQuery(query.text, query.limit, None, query.ids, query.formats)
        if query.is_browsing:
            newest = await self._documents.browse(scope, wanted)
            return AgentAnswer(AgentSearchMode.BROWSE, tuple(newest))
        question = await read_question(self._embedder, query.text)
        return AgentAnswer(_mode(question), tuple(await self._documents.search(scope, wanted, question)))

    async def videos(self, scope: Scope, query: AgentQuery) -> AgentAnswer[FoundVideo]:
        """The videos whose scenes or names fit best, then those the listing's full text finds besides."""
        if query.is_browsing:
            newest = await self._listed(scope, VIDEO, query, None, ())
            shown = await self._shown(scope, newest)
            browsed = (FoundVideo(shown[asset.id], (), 1.0) for asset in newest if asset.id in shown)
            return AgentAnswer(AgentSearchMode.BROWSE, tuple(browsed))
        question = await read_question(self._embedder, query.text)
        chosen = SceneFilter(video_ids=query.ids, folder_id=query.folder_id)
        scenes = await self._videos.search(scope, SceneQuery(query.text, _SCENES, None, chosen, _SCENES), question)
        by_video = _grouped(scenes)
        named = await self._named_videos(scope, query, question)
        scores = {
            found: max(by_video[found][0].score if found in by_video else 0.0, named.get(found, 0.0))
            for found in {**by_video, **named}
        }
        besides = await self._listed(scope, VIDEO, query, query.text, scores)
        scores |= dict.fromkeys((asset.id for asset in besides), _score_of_the_rest(list(scores.values())))
        async with self._database.read() as connection:
            assets = await select_assets(connection, scope, list(scores))
        best = sorted(assets.values(), key=lambda asset: (scores[asset.id], asset.created_at, asset.id), reverse=True)[
            : query.limit
        ]
        shown = await self._shown(scope, best)
        answers = (
            FoundVideo(shown[asset.id], by_video.get(asset.id, ()), scores[asset.id])
            for asset in best
            if asset.id in shown
        )
        return AgentAnswer(_mode(question), tuple(answers))

    async def _named_videos(self, scope: Scope, query: AgentQuery, question: Question) -> dict[UUID, float]:
        """Scores of the videos whose own name, title, tags or description hold some of the words."""
        wanted = ImageFilter(query.folder_id, query.ids, undescribed=True)
        async with self._database.snapshot() as connection:
            hits = await select_by_words(
                connection, scope, EmbeddingSource.CONTENT, question.lexemes, {}, 0, wanted, media_type=VIDEO
            )
        # By their words alone, as if the search of scenes had found them so.
        return {found: score / 2 for found, score in fused([hits]).items()}

    async def _listed(
        self, scope: Scope, media_type: str, query: AgentQuery, text: str | None, known: Collection[UUID]
    ) -> list[Asset]:
        """The newest assets of a type with all telling words of a text, other than those known, as many as are wanted besides."""
        room = query.limit - len(known)
        if room <= 0:
            return []
        search = None
        if text is not None:
            asked = list(words(text))
            search = " ".join([word for word in asked if word not in STOP_WORDS] or asked)
            if not search:
                return []  # without a word the listing would show everything
        wanted = AssetFilter(search=search, media_types=(media_type,), folder_id=query.folder_id, ids=query.ids)
        page = PageRequest(SortKey.CREATED_AT, limit=query.limit)
        async with self._database.snapshot() as connection:
            found = await select_page(connection, scope, wanted, page)
        return [asset for asset in found.assets if asset.id not in known][:room]

    async def _shown(self, scope: Scope, assets: Sequence[Asset]) -> dict[UUID, LibraryVideo]:
        async with self._database.read() as connection:
            videos = await select_videos(connection, scope, [asset.id for asset in assets])
        return {asset.id: LibraryVideo(asset, videos[asset.id]) for asset in assets if asset.id in videos}


def _mode(question: Question) -> AgentSearchMode:
    if question.vector is None:
        return AgentSearchMode.TEXT
    return AgentSearchMode.HYBRID if question.lexemes else AgentSearchMode.VECTOR


def _grouped(scenes: Sequence[FoundScene]) -> dict[UUID, tuple[FoundScene, ...]]:
    """Scenes by their video, each best first as they are given."""
    ordered = sorted(scenes, key=lambda found: found.scene.asset_id)
    groups = itertools.groupby(ordered, lambda found: found.scene.asset_id)
    return {video_id: tuple(found) for video_id, found in groups}


def _score_of_the_rest(scores: Sequence[float]) -> float:
    """What is found by words alone, after all others: as on the next rank, and not above any."""
    return min([score_of_one_way(len(scores) + 1), *scores])
