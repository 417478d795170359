"""A comparison of two models that stays valid however often one looks, and whenever one stops.

Products are divided at random, a known share for the challenger. If both models are equally good, what reviewers find
on a product does not depend on which model tagged it, so each reviewed product has an e-value of expectation 1:

    q(outcome | its model) / Σ_model share(model) q(outcome | model)

for any q that was fixed before the product was seen. Their product is a test martingale, whose maximum exceeds 1/α
with a probability of at most α (Ville, 1939). The e-value is that of Turner, Ly and Grünwald, "Generic E-variables for
exact sequential k-sample tests that allow for optional stopping" (2024, doi:10.1016/j.jspi.2023.106116), with the
division at random in place of blocks; always-valid p-values are those of Johari, Pekelis and Walsh, "Always valid
inference" (2022, doi:10.1287/opre.2021.2135). It is exact for any number of products, and verdicts on the same product
may depend on each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from kgtag.tag.decisions import ARMS, Arm

_PRIOR = 30.0
"""Verdicts that the common rate counts as, for the rate of each model."""


@dataclass(slots=True)
class Rate:
    """Verdicts on the products of one model."""

    products: int = 0
    right: int = 0
    wrong: int = 0

    @property
    def verdicts(self) -> int:
        return self.right + self.wrong

    @property
    def share(self) -> float | None:
        """The share of verdicts that say right; None without any."""
        return self.right / self.verdicts if self.verdicts else None


@dataclass(slots=True)
class SequentialTest:
    """Whether two models are equally good, product by product.

    Attributes:
        alpha: The probability of calling equal models different, whenever one stops.
        rates: By model.
        log_e: The logarithm of the test martingale.
        certain_after: Reviewed products when it first exceeded 1/alpha; None if it has not.

    Example:
        >>> test = SequentialTest(alpha=0.05)
        >>> for n in range(60):
        ...     test.add("champion", right=2, wrong=0, share=0.5)
        ...     test.add("challenger", right=1, wrong=1, share=0.5)
        >>> test.better, test.p < 0.001
        ('champion', True)
    """

    alpha: float = 0.05
    rates: dict[Arm, Rate] = field(default_factory=lambda: {arm: Rate() for arm in ARMS})
    log_e: float = 0.0
    certain_after: int | None = None
    _best: float = 0.0

    def add(self, arm: Arm, *, right: int, wrong: int, share: float) -> None:
        """Count a product with its verdicts. `share`: of products that the challenger gets, strictly in 0 to 1."""
        likely = {one: self._log_likelihood(one, right, wrong) for one in ARMS}
        weights: dict[Arm, float] = {"champion": 1 - share, "challenger": share}
        most = max(likely.values())
        mean = sum(weight * math.exp(likely[one] - most) for one, weight in weights.items())
        self.log_e += likely[arm] - most - math.log(mean)
        rate = self.rates[arm]
        rate.products, rate.right, rate.wrong = rate.products + 1, rate.right + right, rate.wrong + wrong
        self._best = max(self._best, self.log_e)
        if self.certain_after is None and self._best >= -math.log(self.alpha):
            self.certain_after = self.products

    @property
    def products(self) -> int:
        return sum(rate.products for rate in self.rates.values())

    @property
    def p(self) -> float:
        """The always-valid p-value, 0 to 1."""
        return math.exp(-self._best)

    @property
    def difference(self) -> float | None:
        """The challenger's share of right verdicts less the champion's; None while one has none."""
        shares = [self.rates[arm].share for arm in ARMS]
        return None if None in shares else shares[1] - shares[0]  # type: ignore[operator]

    @property
    def better(self) -> Arm | None:
        """The better model, once that is certain."""
        difference = self.difference
        if self.certain_after is None or not difference:
            return None
        return "challenger" if difference > 0 else "champion"

    def more(self, share: float) -> int | None:
        """About how many more reviewed products would make it certain, if the rates are as they seem; None once it is
        certain, or while too little is known."""
        products, difference = self.products, self.difference
        if self.certain_after is not None or not difference or products < 10:
            return None
        rates = {arm: self._estimate(arm) for arm in ARMS}
        mean = (1 - share) * rates["champion"] + share * rates["challenger"]
        gain = sum(
            weight * sum(p * math.log(p / m) for p, m in ((rate, mean), (1 - rate, 1 - mean)))
            for weight, rate in ((1 - share, rates["champion"]), (share, rates["challenger"]))
        )
        gain *= sum(rate.verdicts for rate in self.rates.values()) / products
        return math.ceil((-math.log(self.alpha) - min(self.log_e, 0.0)) / gain) if gain > 1e-9 else None

    def _estimate(self, arm: Arm) -> float:
        right, verdicts = (sum(getattr(rate, name) for rate in self.rates.values()) for name in ("right", "verdicts"))
        common = (right + 1) / (verdicts + 2)
        own = self.rates[arm]
        return float((own.right + _PRIOR * common) / (own.verdicts + _PRIOR))

    def _log_likelihood(self, arm: Arm, right: int, wrong: int) -> float:
        rate = self._estimate(arm)
        return right * math.log(rate) + wrong * math.log1p(-rate)
