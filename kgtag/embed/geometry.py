"""The four score functions as one shape: a query vector against every entity vector.

For each model there is a vector `q` made of the two known parts of a triple such that its score is `q · e`, or minus
a distance between `q` and `e`, over the entity `e` that is looked for. Complex vectors are stored as float32 rows
`[re_0 … re_d-1, im_0 … im_d-1]`, so every array here is real.

    ComplEx    q = h ⊙ r          (tail)   r̄ ⊙ t   (head)    score  Re⟨q, ē⟩ = q · e
    DistMult   q = h ⊙ r                    r ⊙ t             score  q · e
    TransE     q = h + r                    t - r             score  -‖q - e‖_p
    RotatE     q = h ⊙ r                    r̄ ⊙ t   (|r|=1)   score  -‖q - e‖_2
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Floats = NDArray[np.float32]
ModelName = Literal["ComplEx", "DistMult", "TransE", "RotatE"]
MODELS: tuple[ModelName, ...] = get_args(ModelName)
COMPLEX: frozenset[str] = frozenset({"ComplEx", "RotatE"})
BILINEAR: frozenset[str] = frozenset({"ComplEx", "DistMult"})


def width(model: ModelName, dim: int) -> int:
    """Columns of an entity or relation row."""
    return 2 * dim if model in COMPLEX else dim


def tail_query(model: ModelName, head: Floats, relation: Floats) -> Floats:
    """(n, width), (n, width) → (n, width), to compare tails with."""
    if model == "TransE":
        return head + relation
    if model == "DistMult":
        return head * relation
    return _multiply(head, relation, conjugate=False)


def head_query(model: ModelName, relation: Floats, tail: Floats) -> Floats:
    """(n, width), (n, width) → (n, width), to compare heads with."""
    if model == "TransE":
        return tail - relation
    if model == "DistMult":
        return tail * relation
    return _multiply(tail, relation, conjugate=True)


def _multiply(a: Floats, b: Floats, *, conjugate: bool) -> Floats:
    half = a.shape[-1] // 2
    re, im = a[..., :half], a[..., half:]
    b_re, b_im = b[..., :half], (-b[..., half:] if conjugate else b[..., half:])
    return np.concatenate([re * b_re - im * b_im, re * b_im + im * b_re], axis=-1)


def compare(model: ModelName, query: Floats, entities: Floats, *, norm: int = 1) -> Floats:
    """(n, width), (m, width) → (n, m) float32; higher is more plausible within one model, not a probability."""
    if model in BILINEAR:
        scores: Floats = query @ entities.T
        return scores
    city_block = model == "TransE" and norm == 1
    distances = cdist(query, entities, "cityblock") if city_block else cdist(query, entities, "euclidean")
    return (-distances).astype(np.float32)


def compare_pairs(model: ModelName, query: Floats, entities: Floats, *, norm: int = 1) -> Floats:
    """(n, width), (n, width) → (n,) float32: row against row."""
    if model in BILINEAR:
        paired: Floats = np.einsum("nw,nw->n", query, entities)
        return paired
    order = 1 if model == "TransE" and norm == 1 else 2
    distances: Floats = np.linalg.norm(query - entities, ord=order, axis=-1)
    return -distances
