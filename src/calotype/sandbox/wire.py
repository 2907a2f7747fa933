"""How parent and child speak: length-prefixed pickles, of which the parent believes only plain data.

A child works on bytes from strangers. Should such bytes ever take it over, its answers must not be able to
run code in the parent; so the parent's reader knows only data types: dataclasses, enums and errors of this
package, a few values of the standard library, and numpy arrays.
"""

from __future__ import annotations

import dataclasses
import enum
import io
import pickle
import struct
from typing import Any

from calotype.domain.errors import CalotypeError

HEADER = struct.Struct(">Q")
"""Each message is preceded by its length in bytes."""

STARTED = b"\x01"
"""One byte by which a child tells that a request arrived whole; before it, another child may be asked."""

ANSWER_LIMIT = 512 * 1024 * 1024
"""No honest answer is larger, in bytes; the length is checked before memory is set aside for it."""

_VALUES = frozenset(
    {
        ("builtins", "bytearray"),
        ("builtins", "complex"),
        ("builtins", "frozenset"),
        ("builtins", "range"),
        ("builtins", "set"),
        ("builtins", "slice"),
        ("collections", "OrderedDict"),
        ("datetime", "date"),
        ("datetime", "datetime"),
        ("datetime", "time"),
        ("datetime", "timedelta"),
        ("datetime", "timezone"),
        ("decimal", "Decimal"),
        ("fractions", "Fraction"),
        ("numpy", "dtype"),
        ("numpy", "ndarray"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "scalar"),
        ("numpy._core.numeric", "_frombuffer"),
        ("uuid", "UUID"),
    }
)


class _DataWriter(pickle.Pickler):
    """Writes enum members by their value; some Pythons (3.11.0 to 3.11.3) would write a call of `getattr` instead."""

    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, enum.Enum):
            return type(thing), (thing.value,)
        return NotImplemented


class _DataReader(pickle.Unpickler):
    """Reads pickles made of plain data, and refuses every other."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _VALUES:
            return super().find_class(module, name)
        if module == "calotype" or module.startswith("calotype."):
            found = super().find_class(module, name)
            if isinstance(found, type) and _is_data(found):
                return found
        raise pickle.UnpicklingError(f"an answer may not hold {module}.{name}")


def frame(message: Any) -> bytes:
    """Make `message` into bytes, its length first; raises what pickle raises for what it cannot express."""
    body = io.BytesIO()
    _DataWriter(body, protocol=5).dump(message)
    return HEADER.pack(body.tell()) + body.getvalue()


def read_data(body: bytes | bytearray) -> Any:
    """Read an answer of a child; raises `pickle.UnpicklingError` when it is not whole, or not plain data."""
    try:
        return _DataReader(io.BytesIO(body)).load()
    except Exception as error:
        # A broken pickle raises whatever the step it breaks at raises: EOFError, IndexError, and so on.
        raise pickle.UnpicklingError(str(error)) from error


def read_request(body: bytes | bytearray) -> Any:
    """Read what the parent sent, which the child trusts as it trusts its own code."""
    return pickle.Unpickler(io.BytesIO(body)).load()  # noqa: S301 - only the parent holds the other end


def _is_data(kind: type) -> bool:
    return dataclasses.is_dataclass(kind) or issubclass(kind, (enum.Enum, CalotypeError, tuple))
