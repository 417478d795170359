"""Trains graph embeddings on triples, calibrates and exports them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from graph.errors import InputError
from graph.history.versions import Stamp
from graph.model import TaggedItem
from graph.taxonomy import Taxonomy
from kgtag.artifacts import check_target
from kgtag.embed.export import Export, write_export
from kgtag.embed.triples import Triples, concept_groups, concepts_of, cooccurrence_triples, hold_out, taxonomy_triples
from kgtag.embed.vectors import BILINEAR, Floats, Folds, Ids, ModelName, Vectors
from kgtag.evaluation.calibration import Reliability
from kgtag.evaluation.embeddings import RankReport, evaluate
from kgtag.evaluation.tagging import gold_concepts
from kgtag.link.encoder import SentenceEncoder
from kgtag.link.models import ENCODER, TOKENIZER
from kgtag.train.calibration import calibrate, measure
from kgtag.train.embeddings.settings import OneVsAll, Settings, parse_model
from kgtag.types import AnnotatedProduct

if TYPE_CHECKING:
    from kgtag.train.checkpoints import Resume
    from kgtag.train.embeddings.model import Trained

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
    resume: Resume = "auto",
) -> EmbeddingReport:
    """Train on triples, calibrate, and export to `out`.

    Args:
        settings: fields of `Settings` that replace those of the `preset` for the size of the data.
        texts: text embeddings of `entities`, (E, k) float32, NaN rows where there is none. Entities read them, and one
            without triples, or added later, gets its vector from its text.
        stamp: version of the taxonomy that the triples are from.
        audit_folds: further models, each without a part of the `broader` triples, for `plausibility_audit`.
        files: further files to keep with the embeddings.
        resume: whether to resume a training that was killed, from OUT.run beside `out`.

    Raises:
        InputError: an unknown setting, texts that don't fit the entities, or a training that diverges.
    """
    from kgtag.train.checkpoints import RunPlace, digest, keeping
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
    if given.get("entities", "auto") == "structure":
        texts = None
    if texts is None and given.get("entities", "auto") not in ("auto", "structure"):
        raise InputError(f"entities = {given['entities']!r} needs texts; give --texts, or train on a store")
    chosen = replace(preset(triples, given["model"], reading=texts is not None), **given)
    known_text = None if texts is None else texts[: triples.trained]
    fitting, measuring = _parts(triples, seed)
    about: dict[str, Any] = {
        "settings": asdict(chosen) | {"progress": False},
        "triples": digest([triples.train.tobytes(), fitting.tobytes()]),
        "texts": "" if known_text is None else digest([known_text.tobytes()]),
    }
    with keeping(RunPlace.beside(Path(out), resume=resume), about) as keeper:
        trained = train(replace(triples, valid=fitting), chosen, texts=known_text, keeper=keeper)
    calibration = calibrate(trained.vectors, triples, triples.knowable(fitting), seed=seed)
    reliable = measure(calibration, trained.vectors, triples, triples.knowable(measuring), seed=seed + 1)
    text_map, entities, vectors = trained.text_map, triples.entities[: triples.trained], trained.vectors
    if texts is not None:
        entities, vectors, known_text = _with_untrained(triples, trained, texts)
    whole = vectors if len(entities) == len(triples.entities) else trained.vectors
    ranks = evaluate(whole, measuring[:_EVALUATED], triples.known, num_entities=len(triples.entities))
    export = Export(
        entities, triples.relations, vectors, calibration, text_map,
        {"ranks": ranks.to_json(), "reliability": reliable.to_json(), "validation": list(trained.validation)},
        **({} if stamp is None else stamp.to_json()),
        folds=_folds(triples, chosen, audit_folds, texts) if audit_folds > 1 else None,
        texts=known_text,
    )  # fmt: skip
    version = write_export(export, out, files=files)
    keeper.done()
    return EmbeddingReport(
        out=str(out), version=version, model=chosen.model, dim=chosen.dim, entities=len(entities),
        relations=len(triples.relations), triples=len(triples.train), epochs=len(trained.losses),
        seconds=time.perf_counter() - started, device=trained.device, ranks=ranks, reliability=reliable,
        text_r2=None if text_map is None else text_map.r2,
    )  # fmt: skip


def _with_untrained(triples: Triples, trained: Trained, texts: Floats) -> tuple[tuple[str, ...], Vectors, Floats]:
    """The entities, their vectors and texts, with those that no triple of train has, as far as they have a text."""
    assert trained.text_map is not None
    n = triples.trained
    later = np.flatnonzero(np.isfinite(texts[n:]).all(axis=1)) + n
    entity = np.concatenate([trained.vectors.entity, trained.text_map(texts[later])])
    names = (*triples.entities[:n], *(triples.entities[i] for i in later.tolist()))
    return names, replace(trained.vectors, entity=entity), np.concatenate([texts[:n], texts[later]])


def preset(triples: Triples, name: ModelName, *, reading: bool = False) -> Settings:
    """Return settings by size of the data: seconds for a demo, minutes for 100,000 triples on two cores."""
    common = Settings(model=name)
    n = len(triples.train)
    if reading and name in BILINEAR:
        loss = OneVsAll(dropout=0.1, candidates=None if triples.trained <= 4_000 else 2_048)
        small = n <= 20_000
        return replace(
            common, dim=64 if small else 128, epochs=60, batch_size=128 if small else 512, optimizer="Adam",
            learning_rate=0.003, init_scale=0.01, loss=loss, check_every=5, patience=3,
        )  # fmt: skip
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
        found = train(part, settings, texts=texts)
        vectors.append(found.vectors if texts is None else _with_untrained(triples, found, texts)[1])
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
    resume: Resume = "auto",
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
            triples, out=out, settings=settings, texts=texts, stamp=stamp, audit_folds=audit_folds, files=files,
            resume=resume,
        )  # fmt: skip


def train_on_texts(
    triples: Triples,
    texts: Mapping[str, str],
    *,
    out: Path,
    encoder: str = DEFAULT_ENCODER,
    settings: Mapping[str, Any] | None = None,
    resume: Resume = "auto",
) -> EmbeddingReport:
    """Train on triples whose entities have `texts`, by name; raise InputError where none of them has one."""
    known = [name for name in triples.entities if texts.get(name)]
    if not known:
        raise InputError(
            f"none of the {len(triples.entities)} entities has a text; the first is {triples.entities[0]!r}"
        )
    with exported(encoder) as reader:
        rows = dict(zip(known, reader.encode_uncached([texts[name] for name in known]), strict=True))
        none = np.full(len(rows[known[0]]), np.nan, dtype=np.float32)
        read = np.stack([rows.get(name, none) for name in triples.entities])
        files = [reader.onnx, reader.tokenizer]
        return train_embeddings(triples, out=out, settings=settings, texts=read, files=files, resume=resume)
