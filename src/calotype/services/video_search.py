"""Finding scenes of videos by what they show and what is said in them: words and vectors, fused by reciprocal rank."""

from __future__ import annotations

from calotype.ai.interfaces import TextEmbedder
from calotype.db.asset import select_assets
from calotype.db.engine import Database
from calotype.db.scene import select_found_scenes
from calotype.db.scene_search import select_by_words, select_nearest_scenes
from calotype.db.video import select_videos
from calotype.domain.ranking import fused, ranking
from calotype.domain.scope import Scope
from calotype.domain.video import LibraryVideo
from calotype.domain.video_search import FoundScene, SceneQuery
from calotype.services.question import Question, read_question


class VideoSearchService:
    """Searches the indexed videos of a scope; where no embedder is installed, by their words alone."""

    def __init__(self, database: Database, embedder: TextEmbedder) -> None:
        self._database = database
        self._embedder = embedder

    async def search(self, scope: Scope, query: SceneQuery, question: Question | None = None) -> list[FoundScene]:
        """The scenes that fit best, highest score first; empty when nothing fits."""
        question = question or await read_question(self._embedder, query.text)
        async with self._database.snapshot() as connection:
            lists = [await select_by_words(connection, scope, question.lexemes, query.wanted, query.depth)]
            if (vector := question.vector) is not None:
                model = self._embedder.model
                lists.append(await select_nearest_scenes(connection, scope, model, vector, query.wanted, query.depth))
            created = {hit.id: hit.created_at for hits in lists for hit in hits}
            best = ranking(fused(lists), created, query.limit, query.threshold)
            scenes = await select_found_scenes(connection, scope, [found for found, _ in best])
            ids = {scene.asset_id for scene in scenes.values()}
            assets = await select_assets(connection, scope, list(ids))
            videos = await select_videos(connection, scope, ids)
        return [
            FoundScene(scene, LibraryVideo(assets[scene.asset_id], videos[scene.asset_id]), score)
            for found, score in best
            if (scene := scenes.get(found)) is not None and scene.asset_id in assets and scene.asset_id in videos
        ]
