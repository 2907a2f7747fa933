"""How parent and child speak: length-prefixed messages, of which the parent believes only plain data.

A child works on bytes from strangers. Should such bytes ever take it over, its answers must not be able to do anything in the
parent. So requests are pickles, but answers are not: even a pickle that names nothing can crash its reader. An answer is JSON,
followed by the bytes that JSON cannot hold, in the order in which it mentions them. What JSON does not know stands in it as an
object of one member, as in {"tuple": [1, 2]}.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import importlib
import json
import math
import pickle
import re
import struct
import sys
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from calotype.domain.errors import CalotypeError

HEADER = struct.Struct(">Q")
"""Each message is preceded by its length in bytes, and so is the JSON of an answer."""

STARTED = b"\x01"
"""One byte by which a child tells that a request arrived whole; before it, another child may be asked."""

ANSWER_LIMIT = 512 * 1024 * 1024
"""No honest answer is larger, in bytes; the length is checked before memory is set aside for it."""

# What JSON becomes takes up to thirty times its length in memory; long texts are not in it.
_JSON_LIMIT = 64 * 1024 * 1024
_LONG_TEXT = 200
# With more digits, numbers can be made that all have one hash, and a dict of them takes hours.
_MOST_DIGITS = 20
# For the same reason nothing that is made of several values may be a key.
_KEYS = (str, bytes, int, float, type(None), enum.Enum)
_AS_IT_IS = frozenset({bool, float, type(None)})
_NUMBERS = re.compile(r"[<>|][biufc]\d{1,2}", re.ASCII)


class UnreadableAnswer(Exception):
    """An answer is not whole, or not plain data."""


def frame(message: Any) -> bytes:
    """Make a request into bytes, its length first; raises what pickle raises for what it cannot express."""
    body = pickle.dumps(message, protocol=5)
    return HEADER.pack(len(body)) + body


def frame_answer(answer: Any) -> bytes:
    """Make an answer into bytes, its length first; raises TypeError and ValueError for what is not plain data."""
    writer = _Writer()
    value = writer.written(answer)
    # The names come first: the reader needs them when it meets what is of these classes.
    whole = [{"names": [list(name) for name in writer.names]}, value]
    text = json.dumps(whole, ensure_ascii=False, check_circular=False, separators=(",", ":"))
    body = b"".join([data := text.encode("utf-8", "surrogatepass"), *writer.blobs])
    if len(data) > _JSON_LIMIT:
        raise ValueError("the answer is made of too many parts")
    return HEADER.pack(HEADER.size + len(body)) + HEADER.pack(len(data)) + body


def read_data(body: bytes | bytearray) -> Any:
    """Read an answer of a child; raises UnreadableAnswer when it is not whole, or not plain data."""
    try:
        return _Reader(body).read()
    except UnreadableAnswer:
        raise
    except Exception as error:
        # What is broken raises whatever the step it breaks at raises: IndexError, RecursionError, and so on.
        raise UnreadableAnswer(f"{type(error).__name__}: {str(error)[:200]}") from error


def read_request(body: bytes | bytearray) -> Any:
    """Read what the parent sent, which the child trusts as it trusts its own code."""
    return pickle.loads(body)  # noqa: S301 - only the parent holds the other end


class _Writer:
    """Makes plain data into what JSON can hold, and collects the bytes that it cannot and the names of classes."""

    def __init__(self) -> None:
        self.blobs: list[bytes] = []
        self.names: dict[tuple[str, str], int] = {}
        self._written_as: dict[type, Callable[[Any], list[Any]]] = {
            tuple: self._all,
            set: self._members,
            frozenset: self._members,
            dict: self._dict,
            bytes: self._blob,
            bytearray: self._blob,
            date: _moment,
            time: _moment,
            datetime: _moment,
            timedelta: lambda thing: [thing.days, thing.seconds, thing.microseconds],
        }

    def written(self, thing: Any) -> Any:
        """What stands for the value in the JSON."""
        kind = type(thing)
        if kind in _AS_IT_IS:
            return thing
        if kind is list:
            return self._all(thing)
        if kind in self._written_as:
            return {kind.__name__: self._written_as[kind](thing)}
        if kind is int or kind is str:
            return self._text(thing) if kind is str else _whole(thing)
        return self._special(thing, kind)

    def _all(self, things: Iterable[Any]) -> list[Any]:
        return [self.written(thing) for thing in things]

    def _members(self, things: Iterable[Any]) -> list[Any]:
        return [self._key(thing) for thing in things]

    def _dict(self, things: dict[Any, Any]) -> list[Any]:
        return [[self._key(key), self.written(value)] for key, value in things.items()]

    def _key(self, thing: Any) -> Any:
        if not isinstance(thing, _KEYS):
            raise TypeError(f"an answer may not hold {type(thing).__name__} as a key")
        return self.written(thing)

    def _blob(self, data: bytes | bytearray) -> list[int]:
        self.blobs.append(bytes(data))
        return [len(data)]

    def _text(self, text: str) -> Any:
        return text if len(text) <= _LONG_TEXT else {"text": self._blob(text.encode("utf-8", "surrogatepass"))}

    def _special(self, thing: Any, kind: type) -> Any:
        numpy = sys.modules.get("numpy")
        if numpy is not None and kind is numpy.ndarray and _NUMBERS.fullmatch(thing.dtype.str):
            return {"array": [thing.dtype.str, list(thing.shape), *self._blob(thing.tobytes())]}
        if numpy is not None and isinstance(thing, numpy.generic) and type(thing.item()) in {int, float, bool}:
            return self.written(thing.item())
        module, name = kind.__module__, kind.__qualname__
        if _is_ours(module, name):
            number = self.names.setdefault((module, name), len(self.names))
            if isinstance(thing, enum.Enum):
                return {"enum": [number, self.written(thing.value)]}
            if isinstance(thing, CalotypeError):
                return {"error": [number, self.written(thing.message), self.written(dict(thing.context))]}
            if dataclasses.is_dataclass(kind):
                return {"dataclass": [number, *(self.written(getattr(thing, field)) for field in _fields(kind))]}
        raise TypeError(_not_data(module, name))


def _moment(thing: date | time) -> list[str]:
    if not isinstance(getattr(thing, "tzinfo", None), timezone | None):
        raise TypeError("an answer may not hold a time of a zone that has a name")
    return [thing.isoformat()]


class _Reader:
    """Makes plain data of an answer; each byte of it is used once, so that the result is no larger than the answer allows."""

    def __init__(self, body: bytes | bytearray) -> None:
        (size,) = HEADER.unpack_from(body)
        rest = memoryview(body)[HEADER.size :]
        if size > min(len(rest), _JSON_LIMIT):
            raise UnreadableAnswer("the answer is cut short, or made of too many parts")
        self._text = str(rest[:size], "utf-8", "surrogatepass")
        self._blobs = rest[size:]
        self._kinds: list[Any] = []
        self._makers: dict[str, Callable[..., Any]] = {
            "text": lambda size: str(self._blob(size), "utf-8", "surrogatepass"),
            "bytes": lambda size: bytes(self._blob(size)),
            "bytearray": lambda size: bytearray(self._blob(size)),
            "tuple": lambda *things: things,
            "set": lambda *things: set(_keys(things)),
            "frozenset": lambda *things: frozenset(_keys(things)),
            "dict": _dict,
            "date": date.fromisoformat,
            "time": time.fromisoformat,
            "datetime": datetime.fromisoformat,
            "timedelta": timedelta,
            "array": self._array,
            "names": self._name,
            "enum": lambda number, value: self._kind(number, enum.Enum)(value),
            "error": lambda number, message, context: self._kind(number, CalotypeError)(message, **context),
            "dataclass": lambda number, *values: _instance(self._kind(number, object), values),
        }

    def read(self) -> Any:
        """The value; raises whatever the step raises at which the answer is broken."""
        _names, value = json.loads(self._text, object_pairs_hook=self._made, parse_int=_number)
        if self._blobs:
            raise UnreadableAnswer("the answer holds bytes that it does not mention")
        return value

    def _made(self, pairs: list[tuple[str, Any]]) -> Any:
        ((word, parts),) = pairs
        maker = self._makers.get(word)
        if maker is None or type(parts) is not list:
            raise UnreadableAnswer(f"an answer may not hold {word[:100]}")
        return maker(*parts)

    def _name(self, *names: list[str]) -> None:
        self._kinds = [_named(module, name) for module, name in names]

    def _kind(self, number: int, base: type) -> Any:
        """A class of ours by its number: one that is made from `base`, or a dataclass where that is `object`."""
        kind = self._kinds[number]
        if not issubclass(kind, base) or (base is object and not dataclasses.is_dataclass(kind)):
            raise UnreadableAnswer(_not_data(kind.__module__, kind.__qualname__))
        return kind

    def _blob(self, size: int) -> memoryview:
        if not 0 <= size <= len(self._blobs):
            raise UnreadableAnswer("the answer is cut short")
        found, self._blobs = self._blobs[:size], self._blobs[size:]
        return found

    def _array(self, numbers: str, shape: list[int], size: int) -> Any:
        import numpy as np

        if not _NUMBERS.fullmatch(numbers):
            raise UnreadableAnswer(f"an answer may not hold an array of {numbers[:100]}")
        kind = np.dtype(numbers)
        if min(shape, default=0) < 0 or math.prod(shape) * kind.itemsize != size:
            raise UnreadableAnswer("an array of the answer has not as many bytes as its shape asks for")
        # Of a copy, so that it can be written to, as arrays usually can.
        return np.ndarray(tuple(shape), kind, buffer=bytearray(self._blob(size)))


def _whole(number: int) -> int:
    if not -(10 ** (_MOST_DIGITS - 1)) < number < 10**_MOST_DIGITS:
        raise ValueError(f"an answer may not hold numbers of more than {_MOST_DIGITS} digits")
    return number


def _number(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise UnreadableAnswer(f"an answer may not hold numbers of more than {_MOST_DIGITS} digits")
    return int(digits)


def _keys(things: tuple[Any, ...]) -> tuple[Any, ...]:
    for thing in things:
        if not isinstance(thing, _KEYS):
            raise UnreadableAnswer(f"an answer may not hold {type(thing).__name__} as a key")
    return things


def _dict(*pairs: list[Any]) -> dict[Any, Any]:
    made = {key: value for key, value in pairs if isinstance(key, _KEYS)}
    if len(made) != len(pairs):
        raise UnreadableAnswer("a dict of the answer has keys that may not be, or one of them twice")
    return made


def _instance(kind: type, values: tuple[Any, ...]) -> Any:
    # As with pickles, values are put in place without asking the class, which has seen them when they were made.
    made: Any = object.__new__(kind)
    for field, value in zip(_fields(kind), values, strict=True):
        object.__setattr__(made, field, value)
    return made


@functools.cache
def _fields(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def _named(module: str, name: str) -> type:
    found = getattr(importlib.import_module(module), name, None) if _is_ours(module, name) else None
    if not isinstance(found, type) or found.__module__ != module:
        raise UnreadableAnswer(_not_data(module, name))
    return found


def _is_ours(module: str, name: str) -> bool:
    return (module == "calotype" or module.startswith("calotype.")) and name.isidentifier()


def _not_data(module: str, name: str) -> str:
    return f"an answer may not hold {module[:100]}.{name[:100]}"
