"""Errors mean something before they have a status, and every wire format has a status for each."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

from calotype.domain import errors
from calotype.domain.errors import CalotypeError
from calotype.web.apis.files.errors import STATUS, to_wire


def every_error() -> Iterator[type[CalotypeError]]:
    """All domain errors but the base."""
    for _, found in inspect.getmembers(errors, inspect.isclass):
        if issubclass(found, CalotypeError) and found is not CalotypeError:
            yield found


@pytest.mark.parametrize("kind", every_error())
def test_the_files_api_has_an_answer_to_every_domain_error(kind):
    """No domain error ends as an unexpected fault for want of an entry, and its answer can be made."""
    assert kind in STATUS
    status, code = STATUS[kind]
    assert 400 <= status <= 599
    assert code == code.upper()
    assert to_wire(kind("because"), "request").status_code == status


def test_every_error_has_a_code_of_its_own():
    """Programs can tell errors apart by code."""
    codes = [kind.code for kind in every_error()]
    assert len(set(codes)) == len(codes)
    assert CalotypeError.code not in codes


def test_an_error_carries_its_sentence_and_context():
    """People get the message, programs the context."""
    error = errors.TooLarge("too large", limit=5, actual=7)
    assert str(error) == error.message == "too large"
    assert error.context == {"limit": 5, "actual": 7}
