"""Errors go to other processes and come back as they were."""

from __future__ import annotations

import pickle

import pytest

from graph.errors import DuplicateProposal, FileFormatError, KgtagError, ReleaseTaken, UnknownConcept, UnknownProposal


@pytest.mark.parametrize(
    "error",
    [
        FileFormatError("a.csv", "a torn row", line=3, column=1),
        UnknownConcept("sandal", near=["'Sandals' (sandals)"]),
        UnknownProposal(7),
        ReleaseTaken("2026.08", 4),
        DuplicateProposal(3, "ann"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_survives_a_copy(error: KgtagError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error) and str(copy) == str(error)
    assert copy.to_dict() == error.to_dict() and vars(copy) == vars(error)
