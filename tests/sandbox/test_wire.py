"""Answers of children are read as data, and never as anything else."""

import json
import resource
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from fractions import Fraction
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
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.datetimes(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def body(value):
    """A message without its length."""
    return wire.frame_answer(value)[wire.HEADER.size :]


def answer(text, *blobs, names=()):
    """A message without its length, as a child that was taken over may send it."""
    data = f'[{{"names":[{",".join(map(json.dumps, names))}]}},{text}]'.encode()
    return wire.HEADER.pack(len(data)) + data + b"".join(blobs)


@given(_plain)
def test_plain_data_survives_the_way(value):
    """Whatever is made of plain values arrives as it was."""
    assert wire.read_data(body(child.Done(value))) == child.Done(value)


def test_the_values_of_the_domain_survive_the_way():
    """Dataclasses, enums, arrays and times arrive as they were."""
    value = (
        TextReading("a", 0.5, (TextLine("a", 0.5, (0, 0, 1, 1)),)),
        VariantName.TINY_64,
        timedelta(hours=1, microseconds=3),
        {"when": (datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2))), datetime(2026, 1, 2, tzinfo=UTC))},
        (date(2026, 1, 2), time(3, 4, 5)),
        [{1, "a", b"c"}, frozenset({None, 1.5}), bytearray(b"abc"), "long \ud800 " * 100, "short \udc00", ()],
        {1: "one", VariantName.TINY_64: 2.5},
    )
    assert wire.read_data(body(value)) == value
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.array_equal(wire.read_data(body(array)), array)
    assert wire.read_data(body(array[::2, ::2].T)).tolist() == array[::2, ::2].T.tolist()


@pytest.mark.parametrize("numbers", ["?", "i1", "u2", ">i4", "f2", "f4", "f8", "c16"])
def test_arrays_of_numbers_survive_the_way(numbers):
    """Shape, numbers and their type arrive, also of an empty one and one without dimensions, and can be changed."""
    for shape in ((2, 3), (0, 4), ()):
        array = np.ones(shape, numbers)
        found = wire.read_data(body(array))
        assert (found.dtype, found.shape, found.tolist()) == (array.dtype, shape, array.tolist())
        assert found.flags.writeable
    assert wire.read_data(body([np.float32(1.5), np.int8(-3), np.bool_(1)])) == [1.5, -3, True]


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
        Fraction(1, 3),
        np.array([print]),
        np.array(["text"]),
        np.zeros(2, "i4,f8"),
        np.datetime64("2026-01-02"),
    ],
)
def test_anything_else_is_not_written(value):
    """Calls, functions, types that do things, and arrays of anything but numbers are no answers."""
    with pytest.raises(TypeError, match="may not hold"):
        body(value)


@pytest.mark.parametrize(
    "sent",
    [
        answer('{"call":["os","system","true"]}'),
        answer('{"dataclass":[0]}', names=[("os", "stat_result")]),
        answer('{"dataclass":[0]}', names=[("calotype.sandbox.pool", "Sandbox")]),
        answer('{"dataclass":[0]}', names=[("calotype.sandbox.process", "asyncio.Future")]),
        answer('{"dataclass":[0]}', names=[("calotype.sandbox.child", "Done")]),
        answer('{"dataclass":[0,1,2]}', names=[("calotype.sandbox.child", "Done")]),
        answer('{"enum":[0,1]}', names=[("calotype.domain.picture", "CaptureTime")]),
        answer('{"enum":[0,"no such"]}', names=[("calotype.domain.picture", "VariantName")]),
        answer('{"error":[0,"no",{"dict":[]}]}', names=[("calotype.sandbox.wire", "UnreadableAnswer")]),
        answer('{"array":["|O",[1],8]}', (0x4141414141).to_bytes(8, "little")),
        answer('{"array":["<U9",[1],36]}', bytes(36)),
        answer('{"array":["<M8[s]",[1],8]}', bytes(8)),
        answer('{"array":["|u1",[9],8]}', bytes(8)),
        answer('{"array":["|u1",[7],8]}', bytes(8)),
        answer('{"array":["|u1",[-1],8]}', bytes(8)),
        answer('{"array":["|u1",[1099511627776,1099511627776],8]}', bytes(8)),
        answer('{"array":["|u1",[8],1099511627776]}', bytes(8)),
        answer('{"bytes":[-1]}', b"a"),
        answer('{"bytes":[1099511627776]}', b"a"),
        answer('{"bytearray":[{"tuple":[]}]}'),
        answer('{"bytes":[1]}', b"ab"),
        answer('{"set":"abc"}'),
        answer('{"tuple":[],"set":[]}'),
        answer('{"set":[{"tuple":[1]}]}'),
        answer('{"dict":[[{"tuple":[1]},1]]}'),
        answer('{"dict":[["a",1],["a",2]]}'),
        answer('{"timedelta":[99999999999]}'),
        answer("9" * 21),
        answer("[" * 100_000),
        answer('{"tuple":[' * 100_000 + "]}" * 100_000),
        answer("1,2"),
        answer(""),
        answer('{"dataclass":[0]}'),
        answer('{"dataclass":["Done",1]}', names=[("calotype.sandbox.child", "Done")]),
        wire.HEADER.pack(2**63) + b"[]",
        b"",
    ],
)
def test_what_a_child_that_was_taken_over_may_send_is_refused(sent):
    """Names that are not those of data, sizes that do not fit, endless nesting: each is an unreadable answer and nothing more."""
    assert wire.read_data(answer('{"dataclass":[0,1]}', names=[("calotype.sandbox.child", "Done")])) == child.Done(1)
    with pytest.raises(wire.UnreadableAnswer):
        wire.read_data(sent)


def _name(module, name):
    return b"".join(b"\x8c" + bytes([len(word)]) + word.encode() for word in (module, name)) + b"\x93"


_ARRAY = _name("numpy", "ndarray") + b"K\x01\x85" + _name("numpy", "dtype") + b"\x8c\x01O\x85R"
_PICKLES = {
    "an array of addresses": (
        b"\x80\x05"
        + _name("builtins", "set")
        + _ARRAY
        + b"C\x08"
        + (0x4141414141).to_bytes(8, "little")
        + b"\x87R\x85R."
    ),
    "a key that is nested without end": b"\x80\x05})" + b"\x85" * 1_000_000 + b"Ns.",
    "a class that is changed": (
        b"\x80\x05" + _name("calotype.domain.picture", "VariantName") + b"N}\x8c\x06hackedK\x01s\x86b."
    ),
}


@pytest.mark.parametrize("sent", _PICKLES.values(), ids=_PICKLES)
def test_no_pickle_is_an_answer(sent):
    """A process that is sent what crashes a reader of pickles, or changes its classes, refuses it and lives on unchanged."""
    program = (
        "import sys; from calotype.sandbox import wire; from calotype.domain.picture import VariantName\n"
        "body = sys.stdin.buffer.read()\n"
        "for sent in (body, wire.HEADER.pack(len(body)) + body):\n"
        "    try:\n"
        "        wire.read_data(sent)\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__, hasattr(VariantName, 'hacked'))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], input=sent, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"UnreadableAnswer False\n" * 2), done.stderr


def test_an_answer_takes_no_more_memory_than_its_size_allows():
    """Numbers of bytes that are claimed, and not there, are never set aside."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for claimed in ('{"bytes":[%d]}', '{"bytearray":[%d]}', '{"text":[%d]}', '{"array":["|u1",[%d],1]}'):
        with pytest.raises(wire.UnreadableAnswer):
            wire.read_data(answer(claimed % 2**33, b"a"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20


def test_an_answer_of_too_many_parts_is_refused(monkeypatch):
    """What would be taken apart into more pieces than any honest answer has is neither written nor read."""
    whole = body([1] * 1000)
    monkeypatch.setattr(wire, "_JSON_LIMIT", 1000)
    with pytest.raises(ValueError, match="too many parts"):
        body([1] * 1000)
    with pytest.raises(wire.UnreadableAnswer, match="too many parts"):
        wire.read_data(whole)
    assert wire.read_data(body("long text " * 1000)) == "long text " * 1000


@pytest.mark.parametrize("number", [10**20, -(10**19)])
def test_numbers_that_are_made_to_collide_are_refused(number):
    """Numbers far beyond 64 bits, of which many can have one hash, neither leave the child nor enter the parent."""
    with pytest.raises(ValueError, match="20 digits"):
        body(number)
    with pytest.raises(wire.UnreadableAnswer, match="20 digits"):
        wire.read_data(answer(json.dumps(number)))


@given(st.data())
def test_an_answer_cut_short_is_refused(data):
    """No part of an answer passes for the whole."""
    whole = body(child.Done({"when": datetime(2026, 1, 1), "list": [1.5, "x", b"y" * 300]}))  # noqa: DTZ001 - wall time
    size = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(wire.UnreadableAnswer):
        wire.read_data(whole[:size])


@given(st.text())
def test_failed_allocations_are_known_by_their_words(text):
    """What C++ says of a failed allocation is known within any other text; other text is not."""
    assert child.told_of_memory(text + " std::bad_alloc " + text)
    assert not child.told_of_memory("unexpected end of file")
