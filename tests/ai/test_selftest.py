"""The self-test uses the models, and tells what is wrong with them."""

from calotype.ai import rapidocr_reader, selftest, wordllama_embedder
from calotype.domain.errors import Unavailable


def test_models_that_work_have_no_reason_against_them():
    """Both models load and answer right in this installation, without a network."""
    assert selftest.selftest() == {"ocr": None, "embedding": None}


def test_a_model_that_fails_is_told_with_its_reason(monkeypatch):
    """An error in one model is its reason, and the other is still tested."""

    def missing(*_):
        raise Unavailable("the model is missing")

    monkeypatch.setattr(rapidocr_reader, "_engine", missing)
    assert selftest.selftest() == {"ocr": "Unavailable: the model is missing", "embedding": None}
    monkeypatch.setattr(wordllama_embedder, "_load", missing)
    assert selftest.selftest()["embedding"] == "Unavailable: the model is missing"


def test_a_model_that_answers_wrongly_is_told(monkeypatch):
    """Loading is not enough: the answer must be right."""
    monkeypatch.setattr(rapidocr_reader, "_regions", lambda *_, **__: [])
    assert "where HELLO 42 is written" in selftest.selftest()["ocr"]
