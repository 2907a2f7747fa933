"""Languages are known by name and by code."""

import pytest

from calotype.domain.language import is_spoken_code, language_code


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("english", "en"),
        ("German", "de"),
        ("de", "de"),
        ("de-AT", "de"),
        ("zh_Hant_TW", "zh"),
        ("haitian creole", "ht"),
        ("jw", "jv"),
        ("javanese", "jv"),
        ("klingon", None),
        ("xx", None),
        ("", None),
        ("e" * 10_000, None),
    ],
)
def test_names_and_codes_become_codes(name, code):
    """What is not known is no language."""
    assert language_code(name) == code


def test_models_are_told_only_codes_they_know():
    """Neither names nor regions."""
    assert [is_spoken_code(text) for text in ("de", "yue", "German", "de-AT", "")] == [True, True, False, False, False]


def test_the_codes_are_those_of_the_library():
    """All that the library knows, and no other."""
    tokenizer = pytest.importorskip("faster_whisper.tokenizer")
    for code in tokenizer._LANGUAGE_CODES:
        assert is_spoken_code(code)
        assert language_code(code) in {code, "jv"}
    assert sum(is_spoken_code(code) for code in tokenizer._LANGUAGE_CODES) == 100
