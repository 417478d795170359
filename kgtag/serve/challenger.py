"""A champion and a challenger: products divided between two models, or tagged by both while one answers."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from graph.errors import InputError
from kgtag.tag.decisions import Arm, Decision, DecisionLog, TrialMode, choose, tags_by_attribute
from kgtag.tag.tagger import Tagger
from kgtag.text import MAX_TITLE
from kgtag.text.personal import mask
from kgtag.types import Product, Tagging

log = logging.getLogger(__name__)

_WAITING = 256
"""Products that wait for the shadow; more are left out."""
_LONGEST = 20_000
"""Characters of a product that waits: what waits is bounded in memory."""
_PATIENCE = 1.0
"""Seconds that the shadow waits for a moment without other taggings."""

Outcome = Tagging | InputError


class TrialWatch(Protocol):
    """Is called with what two models do, from the threads that tag."""

    def decided(self, arm: Arm, outcome: str, seconds: float, tags: int) -> None:
        """A model tagged a product: "tagged" or "failed"."""

    def shadowed(self, result: str) -> None:
        """A product in the shadow: "same", "different", "failed" or "skipped"."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pipelines for the same snapshot."""

    champion: Tagger
    challenger: Tagger

    @property
    def versions(self) -> dict[Arm, str]:
        return {"champion": self.champion.version, "challenger": self.challenger.version}


class Trial:
    """Tags with a pair of models, and notes what each decides.

    Args:
        log: Takes the decisions.
        mode: "split": the challenger answers for its share of the products. "shadow": the champion answers for all; the
            challenger tags its share afterwards, in a thread of its own.
        share: 0 to 1, by a hash of the product's id, else of its title.
        watch: Is called with what happens.
        busy: Whether other taggings are running now; the shadow lets them pass.
    """

    def __init__(
        self, log: DecisionLog, *, mode: TrialMode, share: float, watch: TrialWatch, busy: Callable[[], bool]
    ) -> None:
        self._log, self._mode, self._share, self._watch, self._busy = log, mode, share, watch, busy
        self._waiting: queue.Queue[tuple[Pair, Product, Tagging, str, float, bool]] = queue.Queue(_WAITING)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kgtag-shadow", daemon=True)
        if mode == "shadow":
            self._thread.start()

    def stop(self) -> None:
        """End the shadow; products that wait are left out."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        self._log.close()

    def attempt(self, pair: Pair, products: Sequence[Product], named: Sequence[bool]) -> list[Outcome]:
        """Tag products as `Tagger.attempt` does. `named`: whether a product has an id of the caller's."""
        keys = [self._key(pair, product, own) for product, own in zip(products, named, strict=True)]
        drawn = [choose(key, pair.challenger.version, self._share) for key in keys]
        if self._mode == "shadow":
            return self._shadowed(pair, products, keys, drawn)
        outcomes: dict[int, Outcome] = {}
        for arm, tagger in (("challenger", pair.challenger), ("champion", pair.champion)):
            at = [n for n in range(len(products)) if n not in outcomes and (arm == "champion" or drawn[n])]
            outcomes |= self._tag(pair, arm, tagger, {n: (products[n], keys[n]) for n in at}, len(products) == 1)  # type: ignore[arg-type]
        return [outcomes[n] for n in range(len(products))]

    def _tag(
        self, pair: Pair, arm: Arm, tagger: Tagger, given: dict[int, tuple[Product, str]], alone: bool
    ) -> dict[int, Outcome]:
        """What the challenger fails on is not in the answer: it is the champion's then."""
        if not given:
            return {}
        started = time.perf_counter()
        try:
            outcomes = tagger.attempt([product for product, _ in given.values()])
        except Exception:
            if arm == "champion":
                raise
            log.exception("the challenger failed; the champion answers")
            self._watch.decided(arm, "failed", 0.0, 0)
            return {}
        seconds = (time.perf_counter() - started) / len(given)
        decisions, kept = [], dict[int, Outcome]()
        for (n, (_, key)), outcome in zip(given.items(), outcomes, strict=True):
            if isinstance(outcome, Tagging):
                self._watch.decided(arm, "tagged", seconds, len(outcome.tags))
                tags, ms = {arm: tags_by_attribute(outcome)}, {arm: round(1000 * seconds, 3)}
                decisions.append(self._decision(pair, key, arm, tags, ms, alone))
            else:
                self._watch.decided(arm, "failed", seconds, 0)
            if isinstance(outcome, Tagging) or arm == "champion":
                kept[n] = outcome
        self._write(decisions)
        return kept

    def _shadowed(
        self, pair: Pair, products: Sequence[Product], keys: Sequence[str], drawn: Sequence[bool]
    ) -> list[Outcome]:
        started = time.perf_counter()
        outcomes = pair.champion.attempt(products)
        seconds = (time.perf_counter() - started) / max(1, len(products))
        for product, outcome, key, wanted in zip(products, outcomes, keys, drawn, strict=True):
            if isinstance(outcome, Tagging):
                self._watch.decided("champion", "tagged", seconds, len(outcome.tags))
                if wanted:
                    self._enqueue(pair, product, outcome, key, seconds, len(products) == 1)
            else:
                self._watch.decided("champion", "failed", seconds, 0)
        return outcomes

    def _enqueue(self, pair: Pair, product: Product, tagging: Tagging, key: str, seconds: float, alone: bool) -> None:
        try:
            if len(product.title) + len(product.text or "") > _LONGEST:
                raise queue.Full
            self._waiting.put_nowait((pair, product, tagging, key, seconds, alone))
        except queue.Full:
            self._watch.shadowed("skipped")

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                pair, product, tagging, key, seconds, alone = self._waiting.get(timeout=0.2)
            except queue.Empty:
                continue
            until = time.monotonic() + _PATIENCE
            while self._busy() and time.monotonic() < until and not self._stopping.wait(0.005):
                pass
            started = time.perf_counter()
            try:
                (other,) = pair.challenger.attempt([product])
            except Exception:
                log.exception("the challenger failed in the shadow")
                other = InputError("failed")
            took = time.perf_counter() - started
            if not isinstance(other, Tagging):
                self._watch.decided("challenger", "failed", took, 0)
                self._watch.shadowed("failed")
                continue
            self._watch.decided("challenger", "tagged", took, len(other.tags))
            tags = {"champion": tags_by_attribute(tagging), "challenger": tags_by_attribute(other)}
            ms = {"champion": round(1000 * seconds, 3), "challenger": round(1000 * took, 3)}
            decision = self._decision(pair, key, "champion", tags, ms, alone)  # type: ignore[arg-type]
            same = decision.concepts("champion") == decision.concepts("challenger")
            self._watch.shadowed("same" if same else "different")
            self._write([decision])

    def _key(self, pair: Pair, product: Product, named: bool) -> str:
        title = product.title[:MAX_TITLE]
        return product.id if named else mask(title) if pair.champion.masks else title

    def _decision(
        self, pair: Pair, key: str, served: Arm, tags: dict[Arm, dict[str, list[str]]], ms: dict[Arm, float],
        alone: bool,
    ) -> Decision:  # fmt: skip
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        unit = self._log.unit(key)
        return Decision(at, unit, self._mode, self._share, served, pair.versions, tags, ms, alone)

    def _write(self, decisions: Sequence[Decision]) -> None:
        try:
            if decisions:
                self._log.write(decisions)
        except OSError as error:
            log.error("decisions are not kept: %s", error)
