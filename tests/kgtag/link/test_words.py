"""Words of labels: keys under which they are found, substitutes, and how far two texts share them."""

from __future__ import annotations

import numpy as np
import pytest

from graph.columns.assemble import TaxonomyData
from graph.errors import InputError
from graph.model import Concept
from graph.taxonomy import Taxonomy
from kgtag.link.candidates.label_table import LabelTable
from kgtag.link.candidates.retrieve import NEAR, Lookup, Pairs
from kgtag.link.candidates.words import (
    CONTAINED,
    INITIALS,
    NUMBERLESS,
    REORDERED,
    SUBSTITUTED,
    TOGETHER,
    Substitutes,
    Words,
    parts,
)
from kgtag.link.features.token_features import TOKEN_FEATURES, token_features
from kgtag.link.models import LinkerState
from kgtag.train.linker.synonyms import learn_substitutes

LABELS = ["node.js", "ffmpeg php", "amazon redshift", "single sign on", "python", "纯棉 衬衫", "spring"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("node.js-v2", ("node", "js", "v", "2")),
        ("c# boxes", ("c#", "box")),
        ("crème", ("creme",)),
        ("棉t恤", ("棉", "t", "恤")),
        ("...", ()),
    ],
)
def test_parts(text: str, found: tuple[str, ...]) -> None:
    assert parts(text) == found


@pytest.mark.parametrize(
    ("query", "label", "bit"),
    [
        ("nodejs", "node.js", TOGETHER),
        ("php ffmpeg", "ffmpeg php", REORDERED),
        ("python 3.6", "python", NUMBERLESS),
        ("spring boot", "spring", CONTAINED),
        ("aws redshift", "amazon redshift", SUBSTITUTED),
        ("sso", "single sign on", INITIALS),
        ("男 纯棉衬衫", "纯棉 衬衫", CONTAINED),
    ],
)
def test_a_label_is_found_by_its_parts(query: str, label: str, bit: int) -> None:
    substitutes = Substitutes({"aws": (("amazon", 0.8),)})
    found = Words(LABELS).find(query, substitutes)
    assert found[LABELS.index(label)] & bit


def test_what_synonyms_change_is_learned() -> None:
    pairs = [("aws redshift", "amazon redshift"), ("aws lambda", "amazon lambda"), ("spring boot 2", "spring boot")]
    learned = learn_substitutes(pairs)
    assert dict(learned.of("aws")) == {"amazon": pytest.approx(2 / 3, abs=1e-4)}
    assert dict(learned.of("amazon")) == {"aws": pytest.approx(1 / 3, abs=1e-4)}
    assert dict(learned.of("2")) == {"": 0.5}
    assert Substitutes.of_json(learned.as_json()) == learned
    with pytest.raises(InputError, match="substitutes"):
        Substitutes.of_json({"aws": [["amazon"]]})


def test_shared_words_are_weighed_by_rarity() -> None:
    taxonomy = _flat(LABELS)
    table = LabelTable(taxonomy)
    words = Words(table.texts)
    texts = [table.exact[label] for label in ("amazon redshift", "python")]
    pairs = _pairs(texts)
    lookups = [Lookup("aws redshift 2", "awsredshift2")]
    columns = token_features(words, Substitutes({"aws": (("amazon", 0.8),)}), lookups, pairs)
    row = dict(zip(TOKEN_FEATURES, columns[0].tolist(), strict=True))
    assert 0 < row["query_covered"] < row["query_explained"] < 1
    assert row["label_covered"] == pytest.approx(0.5)
    assert row["label_explained"] == pytest.approx(0.9)
    assert (row["query_left"], row["label_left"], row["number_left"], row["number_added"]) == (2, 1, 1, 0)
    assert (row["first_alike"], row["last_alike"], row["label_inside"]) == (0, 0, 0)
    assert columns[1, :10].tolist() == [0.0] * 10


def test_mentions_from_elsewhere_are_labels_of_their_concepts() -> None:
    table = LabelTable(_flat(LABELS), mentions=[("Py", "python"), ("gone", "no-such-concept")])
    assert "py" in table.exact
    assert "gone" not in table.exact


def test_what_was_learnt_is_kept_as_json() -> None:
    state = LinkerState((("Py", "python"),), {"python": 3.0}, Substitutes({"aws": (("amazon", 0.8),)}))
    assert LinkerState.of_json(state.as_json()) == state
    with pytest.raises(InputError, match="learnt"):
        LinkerState.of_json({"mentions": []})


def _flat(labels: list[str]) -> Taxonomy:
    concepts = [Concept(label, "flat", "category", {"en": label}) for label in sorted(labels)]
    return Taxonomy.of(TaxonomyData.of(0, tuple(concepts), ()))


def _pairs(texts: list[int]) -> Pairs:
    n = len(texts)
    return Pairs(
        lookup=np.zeros(n, dtype=np.int32),
        text=np.array(texts, dtype=np.int32),
        level=np.full(n, NEAR, dtype=np.int32),
        grams=np.zeros(n),
        cosine=np.zeros(n),
        bits=np.zeros(n, dtype=np.uint8),
    )
