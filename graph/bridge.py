"""Columns as the values that a snapshot is still built of."""

from __future__ import annotations

from graph.columns import Columns
from graph.model import TaxonomyData


def taxonomy_data(version: int, columns: Columns) -> TaxonomyData:
    relations = sorted({*map(columns.relation, range(len(columns.edges))), *columns.strays})
    return TaxonomyData(version, tuple(map(columns.concept, range(len(columns)))), tuple(relations))
