"""Trains graph embeddings on triples, calibrates and exports them."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from graph.errors import InputError
from graph.history.versions import Stamp
from graph.model import TaggedItem
from graph.taxonomy import Taxonomy
from kgtag.artifacts import check_target
from kgtag.embed.scorer import Export, write_export
from kgtag.embed.triples import Triples, concept_groups, concepts_of, cooccurrence_triples, hold_out, taxonomy_triples
from kgtag.embed.vectors import BILINEAR, Floats, Folds, Ids, ModelName, fit_text_map
from kgtag.evaluation.calibration import Reliability
from kgtag.evaluation.embeddings import RankReport, evaluate
from kgtag.evaluation.tagging import gold_concepts
from kgtag.link.encoder import SentenceEncoder
from kgtag.link.models import ENCODER, TOKENIZER
from kgtag.train.calibration import calibrate, measure
from kgtag.train.embeddings.settings import OneVsAll, Settings, parse_model
from kgtag.types import AnnotatedProduct

_EVALUATED = 2000
DEFAULT_ENCODER = "all-MiniLM-L6-v2"


@dataclass(frozen=True, slots=True)
class EmbeddingReport:
    """What was trained; `ranks` and `reliability` are measured on triples that nothing was fitted on."""

    out: str
    version: str
    model: str
    dim: int
    entities: int
    relations: int
    triples: int
    epochs: int
    seconds: float
    device: str
    ranks: RankReport
    reliability: Reliability
    text_r2: float | None

    def to_json(self) -> dict[str, object]:
        return asdict(self) | {"ranks": self.ranks.to_json(), "reliability": self.reliability.to_json()}


def train_embeddings(
    triples: Triples,
    *,
    out: Path | str,
    settings: Mapping[str, Any] | None = None,
    texts: Floats | None = None,
    stamp: Stamp | None = None,
    audit_folds: int = 0,
    files: Sequence[Path] = (),
) -> EmbeddingReport:
    """Train on triples, calibrate, and export to `out`.

    Args:
        settings: fields of `Settings` that replace those of the `preset` for the size of the data.
        texts: text embeddings of `entities`, (E, k) float32, NaN rows where there is none. Entities start from them,
            and a concept added later gets its vector from its text.
        stamp: version of the taxonomy that the triples are from.
        audit_folds: further models, each without a part of the `broader` triples, for `plausibility_audit`.
        files: further files to keep with the embeddings.

    Raises:
        InputError: an unknown setting, or texts that don't fit the entities.
    """
    from kgtag.train.embeddings.model import train

    started = time.perf_counter()
    check_target(Path(out))
    if texts is not None and len(texts) != len(triples.entities):
        raise InputError(f"{len(texts)} text embeddings given for {len(triples.entities)} entities")
    given = {"model": "ComplEx", **(settings or {})}
    given["model"] = parse_model(given["model"])
    seed = int(given.get("seed", 0))
    if not len(triples.valid):
        triples = hold_out(triples, 0.1, seed=seed)
    chosen = replace(preset(triples, given["model"]), **given)
    known_text = None if texts is None else texts[: triples.trained]
    fitting, measuring = _parts(triples, seed)
    trained = train(replace(triples, valid=fitting), chosen, init=known_text)
    calibration = calibrate(trained.vectors, triples, triples.knowable(fitting), seed=seed)
    reliable = measure(calibration, trained.vectors, triples, triples.knowable(measuring), seed=seed + 1)
    ranks = evaluate(trained.vectors, measuring[:_EVALUATED], triples.known, num_entities=len(triples.entities))
    text_map = None if known_text is None else fit_text_map(known_text, trained.vectors.entity)
    export = Export(
        triples.entities[: triples.trained], triples.relations, trained.vectors, calibration, text_map,
        {"ranks": ranks.to_json(), "reliability": reliable.to_json(), "validation": list(trained.validation)},
        **({} if stamp is None else stamp.to_json()),
        folds=_folds(triples, chosen, audit_folds, known_text) if audit_folds > 1 else None,
        texts=known_text,
    )  # fmt: skip
    version = write_export(export, out, files=files)
    return EmbeddingReport(
        out=str(out), version=version, model=chosen.model, dim=chosen.dim, entities=triples.trained,
        relations=len(triples.relations), triples=len(triples.train), epochs=len(trained.losses),
        seconds=time.perf_counter() - started, device=trained.device, ranks=ranks, reliability=reliable,
        text_r2=None if text_map is None else text_map.r2,
    )  # fmt: skip


def preset(triples: Triples, name: ModelName) -> Settings:
    """Return settings by size of the data: seconds for a demo, minutes for 100,000 triples on two cores."""
    common = Settings(model=name)
    n = len(triples.train)
    if name not in BILINEAR:
        sampled = replace(common, optimizer="Adam", learning_rate=0.02, margin=6.0 if name == "RotatE" else 3.0)
        if n <= 20_000:
            return replace(sampled, dim=64, epochs=60, batch_size=64, check_every=10)
        return replace(sampled, dim=64, epochs=60, batch_size=1024, learning_rate=0.005, check_every=10)
    loss = OneVsAll(n3=0.01, dropout=0.1, candidates=None if triples.trained <= 8_000 else 2_048)
    if n <= 20_000:
        return replace(common, dim=64, epochs=60, batch_size=128, learning_rate=0.1, loss=loss, check_every=10)
    return replace(common, dim=128, epochs=60, batch_size=256, learning_rate=0.2, loss=loss, check_every=5)


def _folds(triples: Triples, settings: Settings, count: int, texts: Floats | None) -> Folds | None:
    """Train vectors without one part of the `broader` triples, for each part."""
    from kgtag.train.embeddings.model import train

    if "broader" not in triples.relations:
        return None
    known = triples.knowable(np.concatenate([triples.train, triples.valid]))
    broader = known[:, 1] == triples.relations.index("broader")
    uses = np.bincount(known[~broader][:, [0, 2]].ravel(), minlength=triples.trained)
    # Parent by parent, so that every parent keeps most of its other children in each part.
    shuffled = np.random.default_rng(settings.seed).permutation(np.flatnonzero(broader))
    rows = shuffled[np.argsort(known[shuffled, 2], kind="stable")]
    fold = np.arange(len(rows)) % count
    vectors, held_out = [], []
    for k in range(count):
        out = np.zeros(len(known), dtype=bool)
        out[rows[fold == k]] = True
        part = replace(triples, train=known[~out], valid=known[:0])
        vectors.append(train(part, settings, init=texts).vectors)
        held_out.append(np.column_stack([np.full(out.sum(), k), known[out], uses[known[out][:, 0]]]))
    return Folds(tuple(vectors), np.concatenate(held_out).astype(np.int64))


def _parts(triples: Triples, seed: int) -> tuple[Ids, Ids]:
    """Split into (fitting, measuring): valid and test, or two thirds and one third of valid."""
    if len(triples.test):
        return triples.valid, triples.test
    shuffled = np.random.default_rng(seed).permutation(len(triples.valid))
    cut = len(shuffled) * 2 // 3
    return triples.valid[np.sort(shuffled[:cut])], triples.valid[np.sort(shuffled[cut:])]


@contextmanager
def exported(name_or_path: str) -> Iterator[SentenceEncoder]:
    """A transformers encoder as it is served, in a temporary directory. Raises InputError when it cannot be had."""
    from kgtag.train.linker.encoders import export_encoder, load_encoder

    with TemporaryDirectory() as directory:
        export_encoder(load_encoder(name_or_path), Path(directory))
        yield SentenceEncoder(Path(directory, ENCODER), Path(directory, TOKENIZER))


def train_graph(
    taxonomy: Taxonomy,
    *,
    out: Path,
    stamp: Stamp | None = None,
    items: Iterable[TaggedItem] = (),
    annotated: Iterable[AnnotatedProduct] = (),
    together: Iterable[Iterable[str]] = (),
    encoder: str | SentenceEncoder | None = DEFAULT_ENCODER,
    settings: Mapping[str, Any] | None = None,
    audit_folds: int = 0,
) -> EmbeddingReport:
    """Train on the taxonomy, on the accepted tags of `items` and on the annotators' links of `annotated`.

    Args:
        stamp: version of the taxonomy in its store.
        together: further sets of concept ids that occur together.
        encoder: reads preferred labels, and is kept with the embeddings: a name or path, or a linker's; None trains
            without texts.
        settings: fields of `Settings` that replace those for the size of the data.
        audit_folds: further models, so that the audit weighs what concepts occur with as well as what they are called.

    Raises:
        InputError: there are neither relations nor concepts that occur together, or an unknown setting.
    """
    sets = [*concepts_of(items), *(frozenset(gold_concepts(one, taxonomy)) for one in annotated), *together]
    found = [*taxonomy_triples(taxonomy), *cooccurrence_triples(taxonomy, sets)]
    if not found:
        raise InputError("the taxonomy has no relations and no items carry tags together: nothing to train on")
    triples = Triples.of(found, groups=concept_groups(taxonomy))
    stamp = stamp or Stamp(taxonomy.revision)
    with (
        exported(encoder) if isinstance(encoder, str) else nullcontext(encoder) as reader,
        TemporaryDirectory() as kept,
    ):
        texts, files = None, list[Path]()
        if reader is not None:
            from kgtag.train.embeddings.places import train_places

            check_target(out)
            texts = reader.encode_uncached([taxonomy[id].label() for id in triples.entities])
            placer = train_places(taxonomy, reader, seed=int((settings or {}).get("seed", 0)))
            files = [reader.onnx, reader.tokenizer, *(placer.write(Path(kept)) if placer is not None else ())]
        return train_embeddings(
            triples, out=out, settings=settings, texts=texts, stamp=stamp, audit_folds=audit_folds, files=files
        )
