"""Rows of a challenger beside the model that serves."""

from typing import Literal

from typing_extensions import TypedDict


class ArmRow(TypedDict):
    """What became of the products of one model: verdicts on tags, and tags that reviewers missed."""

    products: int
    tags_per_product: float | None
    reviewed: int
    right: int
    wrong: int
    missing: int
    share_right: float | None


class SplitRow(TypedDict):
    """Products divided between champion and challenger. `p` is valid however often one looks; `better` is null until it
    is below alpha. `more`: about how many more reviewed products that takes."""

    share: float
    share_of_products: float
    champion: ArmRow
    challenger: ArmRow
    difference: float | None
    p: float
    better: Literal["champion", "challenger"] | None
    certain_after: int | None
    certain_since: str | None
    more: int | None


class DifferenceRow(TypedDict):
    """How the tags of one attribute differ, null for categories."""

    attribute: str | None
    products: int
    same: int
    only_champion: int
    only_challenger: int


class ShadowRow(TypedDict):
    """Products that both tagged. `overlap` is the mean Jaccard index of their tags. Verdicts are on what the champion
    showed: those on tags that only the challenger gives are lacking, so they do not tell which is better."""

    products: int
    same: int
    agreement: float
    overlap: float
    by_attribute: list[DifferenceRow]
    right_lost: int
    right_kept: int
    wrong_dropped: int
    wrong_kept: int
    missing_found: int


class SpeedRow(TypedDict):
    """Milliseconds for a product that came by itself."""

    products: int
    median_ms: float
    p95_ms: float


class ChallengerReport(TypedDict):
    """Champion and challenger compared, on decisions of these two versions."""

    champion: str
    challenger: str
    since: str
    until: str
    decisions: int
    of_other_models: int
    alpha: float
    split: SplitRow | None
    shadow: ShadowRow | None
    speed: dict[Literal["champion", "challenger"], SpeedRow | None]


class ChallengerAnswer(ChallengerReport):
    """The report, and the taxonomy that is served."""

    revision: str | None
