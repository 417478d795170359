"""A round of the loop, from what people said to the next products to annotate. Stopped anywhere, it is resumed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graph.errors import InputError
from graph.formats import reading
from graph.formats.reading import Row
from graph.history.versions import stamped
from graph.proposals.workflow import Person
from graph.store import TaxonomyStore
from kgtag.data import attempt_products
from kgtag.data.annotated import annotated
from kgtag.discover.mentions import cluster, group_mentions
from kgtag.discover.propose import propose_values
from kgtag.evaluation.drift import Profile, drifts
from kgtag.evaluation.extraction import evaluate_extractor
from kgtag.evaluation.tags import compare_taggers
from kgtag.extract.sequence import SequenceExtractor
from kgtag.improve.choice import choose, readable
from kgtag.improve.material import Material, Settings, gather
from kgtag.improve.place import Decision, Place, Round, version, write
from kgtag.improve.split import drawn
from kgtag.tag.models import assemble_tagger, load_models
from kgtag.types import AnnotatedProduct, Product, Tagging

if TYPE_CHECKING:
    from kgtag.train.extractor.records import Watch

_FEWEST_ASIDE, _FEWEST = 10, 20
"""Products kept aside, and to train on, below which nothing is trained."""
_FREQUENT = 3
"""Products on which a value without a concept stands before it is proposed."""


def decide(difference: float, interval: Sequence[float], *, more: bool) -> tuple[Decision, str]:
    """The rule, on the difference of F1 (candidate - model in use), with its 95% interval.

    Example:
        >>> decide(0.01, (-0.02, 0.04), more=True)
        ('promoted', 'at least as good as the model in use (+0.010 F1, -0.020 to +0.040), and trained on more products')
    """
    low, high = interval
    shown = f"({difference:+.3f} F1, {low:+.3f} to {high:+.3f})"
    if low > 0:
        return "promoted", f"better than the model in use for certain {shown}"
    if high < 0:
        return "kept", f"the candidate is worse for certain {shown}"
    if difference >= 0 and more:
        return "promoted", f"at least as good as the model in use {shown}, and trained on more products"
    why = "perhaps worse" if difference < 0 else "not better for certain, and not trained on more products"
    return "asked", f"the candidate is {why} {shown}: take it with --accept, or go without it"


class Loop:
    """The loop in one directory.

    Args:
        place: The directory.
        store: The taxonomy, feedback and proposals.
        settings: How.
        progress: Called with lines for people.
        watch: Called with every step of training.
    """

    def __init__(
        self,
        place: Place,
        store: TaxonomyStore,
        settings: Settings,
        *,
        progress: Callable[[str], None] = lambda _: None,
        watch: Watch | None = None,
    ) -> None:
        if not settings.run.spans:
            raise InputError("option spans is false; kgtag improve trains extractors, which find spans")
        self._place, self._store, self._settings = place, store, settings
        self._progress, self._watch = progress, watch

    @cached_property
    def _stamped(self) -> Any:
        return stamped(self._store)

    def material(self, *, answers: Sequence[AnnotatedProduct] = ()) -> Material:
        """What there is to learn from. `answers`: gold that is not in the directory yet."""
        return gather(self._place, self._store, self._stamped[0], self._settings, answers=answers)

    def plan(self) -> dict[str, Any]:
        """What a round would do; nothing is written."""
        begun, rows = self._place.begun(), self._place.answers()
        found = self.material(answers=[annotated(Row(str(self._place.next), n, row)) for n, row in enumerate(rows, 1)])
        return {
            "round": len(self._place.ledger()) + 1,
            "resumes": begun is not None,
            "answers": len(rows),
            "sizes": found.sizes,
            "trains": self._why_not(found) is None,
            "why": self._why_not(found) or "there is something new to train on",
        }

    def _why_not(self, found: Material) -> str | None:
        if found.sizes["train"] < _FEWEST or found.sizes["aside"] < _FEWEST_ASIDE:
            return (
                f"{found.sizes['train']} products to train on and {found.sizes['aside']} kept aside;"
                f" {_FEWEST} and {_FEWEST_ASIDE} are needed: annotate more"
            )
        trained = [one.data for one in self._place.ledger() if one.candidate is not None]
        return "nothing new since the last round" if found.digest in trained[-1:] else None

    def run(self) -> Round:
        """Do a round, or the rest of one that was interrupted."""
        place = self._place
        with place.locked():
            row = place.begun() or Round(len(place.ledger()) + 1, before=version(place.model))
            if row.decision is None:
                place.collect(row.round)
                found = self.material()
                if found.accepted:
                    write(place.accepted, found.accepted)
                row = place.keep(self._decided(row, found))
            place.stand(row)
            self._progress(f"{row.decision}: {row.why}")
            return place.end(replace(self._looked(row), at=_now()))

    def accept(self) -> Round:
        """Promote the candidate that a round asked about."""
        last = next((one for one in reversed(self._place.ledger()) if one.decision != "unchanged"), None)
        if last is None or last.decision not in ("asked", "kept") or last.candidate != version(self._place.candidate):
            raise InputError("there is nothing to accept: the last round left no candidate")
        return self._changed("promoted", last.candidate, "accepted by a person")

    def roll_back(self) -> Round:
        """Put the model before in use again; done twice, the later one is back."""
        found = version(self._place.previous)
        if found is None:
            raise InputError(f"nothing to roll back to: there is no model in {str(self._place.previous)!r}")
        return self._changed("rolled back", found, "rolled back by a person")

    def _changed(self, decision: Decision, model: str | None, why: str) -> Round:
        with self._place.locked():
            if self._place.begun() is not None:
                raise InputError("a round was interrupted; finish it first: give the same command without this option")
            number, before = len(self._place.ledger()) + 1, version(self._place.model)
            row = self._place.keep(Round(number, _now(), decision, why, model=model, before=before))
            self._place.stand(row)
            return self._place.end(row)

    def _decided(self, row: Round, found: Material) -> Round:
        trained = row.candidate is not None and row.data == found.digest
        if not trained and (why := self._why_not(found)) is not None:
            return replace(row, decision="unchanged", why=why, model=row.before, sizes=found.sizes)
        if not trained:
            row = replace(row, candidate=self._train(found), data=found.digest, sizes=found.sizes)
            self._place.keep(row)
        tags, values = self._compared(found.aside, row.before is not None)
        before = _taught(self._place.model) if row.before is not None else 0
        decision, why = decide(tags["difference"], tags["interval"], more=_taught(self._place.candidate) > before)
        model = row.candidate if decision == "promoted" else row.before
        return replace(row, decision=decision, why=why, model=model, tags=tags, values=values)

    def _train(self, found: Material) -> str:
        from kgtag.train.checkpoints import RunPlace
        from kgtag.train.extractor.run import RunSettings
        from kgtag.train.model import train_model

        taxonomy, stamp = self._stamped
        run, out = self._settings.run, self._place.candidate
        checkpoints = out.with_name(f"candidate-{found.digest}-{taxonomy.revision[:8]}.run")
        for old in out.parent.glob("candidate-*.run"):
            if old != checkpoints:
                RunPlace(old).remove()
        return train_model(
            found.train, taxonomy, out=out, stamp=stamp, encoder=run.encoder, seed=run.seed,
            options=self._settings.options, progress=self._progress,
            run=RunSettings(RunPlace(checkpoints, minutes=run.checkpoint_minutes), watch=self._watch, recorded=run),
        ).extractor.version  # fmt: skip

    def _compared(self, aside: list[AnnotatedProduct], has_model: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        """Tags, and values of the models alone, on what is kept aside; without a model, labels are the one before."""
        models = [load_models(self._place.candidate), load_models(self._place.model if has_model else None)]
        ours, theirs = (assemble_tagger(one, self._stamped[0]) for one in models)
        found = compare_taggers(ours, theirs, aside)
        tags = {"before": found["theirs"], "candidate": found["ours"]}
        tags |= {name: found[name] for name in ("difference", "interval")}
        values = {
            name: round(evaluate_extractor(one.extractor, aside, protocol=self._settings.protocol)["micro"]["f1"], 5)
            if one.extractor is not None
            else None
            for name, one in zip(("candidate", "before"), models, strict=True)
        }
        return tags, values

    def _looked(self, row: Round) -> Round:
        """Tag a part of the catalogue: new values are proposed, drift is noticed, and the next products chosen."""
        models = load_models(self._place.model if row.model is not None else None)
        tagger, settings = assemble_tagger(models, self._stamped[0]), self._settings
        rows = attempt_products(self._place.products(), lang=settings.run.lang)
        products = drawn(
            (one for one in rows if isinstance(one, Product)), settings.look, salt=f"{settings.run.seed} {row.round}"
        )
        tagged = [
            (product, found)
            for product, found in zip(products, tagger.attempt(products), strict=True)
            if isinstance(found, Tagging)
        ]
        write(self._place.tags, (one.to_dict() | {"product": product.to_dict()} for product, one in tagged))
        known = {product.id: product for product, _ in tagged}
        mentions = cluster(group_mentions(enumerate(one.to_dict() for _, one in tagged)))
        made = propose_values(self._store, mentions, Person("kgtag improve"), products=known, min_count=_FREQUENT).made
        extractor = models.extractor
        drift = _drift(self._place.model, extractor, products) if isinstance(extractor, SequenceExtractor) else []
        if row.decision == "unchanged" and self._place.next.is_file() and self._place.next.stat().st_size:
            waiting = sum(1 for _ in reading.json_rows(self._place.next))
            return replace(row, drift=drift, proposals=len(made), next=waiting)
        gold = self.material().gold
        chosen = choose(extractor, tagged, gold, self._stamped[0], count=settings.count, by_chance=settings.by_chance)
        write(self._place.next, chosen)
        return replace(row, drift=drift, proposals=len(made), next=len(chosen))


def _drift(model: Path, extractor: SequenceExtractor, products: Sequence[Product]) -> list[str]:
    trained = Profile.load(model)
    read = readable(replace(one, category=None) for one in products)
    now = Profile.of(zip(read, extractor.extract(read), strict=True))
    return [one.feature for one in drifts(trained, now) if one.alarm] if trained is not None else []


def _taught(model: Path) -> int:
    """Products that a model was trained on; 0 where it does not tell."""
    path = model / "metrics.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return int(found.get("train", {}).get("products", 0))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
