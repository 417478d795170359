"""Errors cross from one process to another."""

import pickle

import pytest

from graph.errors import FileFormatError, KgtagError, UnknownConcept


@pytest.mark.parametrize(
    "error", [FileFormatError("shop.csv", "no label", line=3), UnknownConcept("sandal", near=["'Sandals'"])], ids=repr
)
def test_an_error_is_the_same_after_pickling(error: KgtagError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
