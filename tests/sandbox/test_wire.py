"""Answers of children are read as data, and never as anything else."""

import pickle
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox_victims import Evil

from calotype.domain.description import TextLine, TextReading
from calotype.domain.errors import CalotypeError, NotReady, TooLarge
from calotype.domain.picture import VariantName
from calotype.sandbox import child, wire
from calotype.sandbox.pool import Sandbox

_plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def body(value):
    """A message without its length."""
    return wire.frame(value)[wire.HEADER.size :]


@given(_plain)
def test_plain_data_survives_the_way(value):
    """Whatever is made of plain values arrives as it was."""
    answer = wire.read_data(body(child.Done(value)))
    assert answer == child.Done(value)


def test_the_values_of_the_domain_survive_the_way():
    """Dataclasses, enums, arrays and times arrive as they were."""
    value = (
        TextReading("a", 0.5, (TextLine("a", 0.5, (0, 0, 1, 1)),)),
        VariantName.TINY_64,
        timedelta(hours=1),
    )
    assert wire.read_data(body(value)) == value
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.array_equal(wire.read_data(body(array)), array)
    assert wire.read_data(body(array[::2, ::2].T)).tolist() == array[::2, ::2].T.tolist()


def _errors(kind=CalotypeError):
    return [kind, *(found for child_kind in kind.__subclasses__() for found in _errors(child_kind))]


@pytest.mark.parametrize("kind", [kind for kind in _errors() if kind.__module__ == "calotype.domain.errors"])
def test_every_error_of_the_domain_survives_the_way(kind):
    """Type, message, code and context arrive."""
    error = wire.read_data(body(kind("no", limit=3, names=("a", "b"))))
    assert type(error) is kind
    assert (str(error), error.message, error.code) == ("no", "no", kind.code)
    assert error.context == {"limit": 3, "names": ("a", "b")}
    assert len(_errors()) > 10
    assert NotReady in _errors()
    assert TooLarge in _errors()


@pytest.mark.parametrize(
    "value",
    [
        Evil(),
        print,
        Sandbox,
        wire.frame,
        Path("a"),
        [1, {"deep": (Evil(),)}],
        ValueError("not ours"),
    ],
)
def test_anything_else_is_refused(value):
    """Calls, functions, and types that do things are no answers."""
    with pytest.raises(pickle.UnpicklingError):
        wire.read_data(body(value))


@given(st.data())
def test_an_answer_cut_short_is_refused(data):
    """No part of an answer passes for the whole."""
    whole = body(child.Done({"when": datetime(2026, 1, 1), "list": [1.5, "x", b"y" * 300]}))  # noqa: DTZ001 - wall time
    size = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(pickle.UnpicklingError):
        wire.read_data(whole[:size])


@given(st.text())
def test_failed_allocations_are_known_by_their_words(text):
    """What C++ says of a failed allocation is known within any other text; other text is not."""
    assert child.told_of_memory(text + " std::bad_alloc " + text)
    assert not child.told_of_memory("unexpected end of file")


def test_enum_members_travel_on_every_python(monkeypatch):
    """Where Python itself would write a call of `getattr` for a member, as 3.11.2 does, its value is written all the same."""
    monkeypatch.setattr(VariantName, "__reduce_ex__", lambda self, _: (getattr, (VariantName, self.name)))
    assert wire.read_data(body(child.Done(VariantName.TINY_64))).value is VariantName.TINY_64
