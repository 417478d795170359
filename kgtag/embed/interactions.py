"""Scores of PyKEEN's interactions in numpy, for those whose score is a short formula.

Each function takes the parts of heads, relations and tails and returns scores (n, m), equal to PyKEEN's. Parts of
relations are (n, 1, …); those of heads and tails (n, 1, …) or (1, m, …), so that one of them may be all candidates. A
row of an entity or relation is its parts one after the other, each flattened.

ConvE, ERMLPE and Transformer are missing: theirs are networks of several layers, with a pass for every head.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Shapes = tuple[tuple[int, ...], ...]
_EPS = float(np.finfo(np.float32).eps)
_HELD = 4_000_000
"""Numbers that are held at a time."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a row of an entity and of a relation consists of, the interaction's own `weights` by name, and its
    `options`, such as the norm's `p`."""

    entity: Shapes
    relation: Shapes
    weights: Mapping[str, Floats] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def scores(self, model: str, heads: Floats, relations: Floats, tails: Floats) -> Floats:
        """(n, 1, width) of known entities, (n, width) of relations and (1, m, width) of candidates → (n, m), on either
        side; or (n, 1, width) twice → (n, 1)."""
        relation = _cut(relations[:, None], self.relation)
        found: Floats = FORMULAS[model].score(_cut(heads, self.entity), relation, _cut(tails, self.entity), self)
        return found

    def compare(self, model: str, known: Floats, relations: Floats, asked: Floats, *, backwards: bool) -> Floats:
        """(n, width), (n, width), (m, width) → (n, m): scores of the tails `asked`, or `backwards` of the heads."""

        def part(rows: slice, candidates: Floats) -> Floats:
            ends = known[rows, None], candidates[None]
            return self.scores(model, ends[backwards], relations[rows], ends[not backwards])

        width = asked.shape[1]
        if len(asked) > width and ("head" if backwards else "tail") in FORMULAS[model].linear:
            # A score that is linear in the candidate follows from those of the unit vectors.
            axes = np.vstack([np.zeros((1, width)), np.eye(width)]).astype(np.float32)
            axial = np.concatenate([part(rows, axes) for rows in self._blocks(len(known), axes)])
            found: Floats = (axial[:, 1:] - axial[:, :1]) @ asked.T + axial[:, :1]
            return found
        return np.concatenate([part(rows, asked) for rows in self._blocks(len(known), asked)])

    def _blocks(self, n: int, asked: Floats) -> list[slice]:
        step = max(1, _HELD // max(1, asked.size))
        return [slice(start, start + step) for start in range(0, max(n, 1), step)]


def _cut(rows: Floats, shapes: Shapes) -> list[Floats]:
    """(a, b, width) → each part (a, b, *shape)."""
    ends = np.cumsum([math.prod(shape) for shape in shapes], dtype=np.int64)[:-1]
    parts = zip(shapes, np.split(rows, ends, axis=-1), strict=False)
    return [part.reshape(*part.shape[:2], *shape) for shape, part in parts]


Ends = Sequence[Floats]
Score = Callable[[Ends, Ends, Ends, Parts], Any]


def _dot(*factors: Floats) -> Floats:
    """The sum of the products over the last axis."""
    product = factors[0]
    for factor in factors[1:]:
        product = product * factor
    return _sum(product)


def _sum(x: Floats) -> Floats:
    found: Floats = x.sum(axis=-1)
    return found


def _far(difference: Floats, of: Parts) -> Floats:
    """Minus the norm, or its power, over the last axis."""
    p = of.options["p"]
    if of.options["power_norm"]:
        return -_sum(np.abs(difference) ** p)
    found: Floats = -np.linalg.norm(difference, ord=p, axis=-1)
    return found


def _within(x: Floats, most: float, p: int) -> Floats:
    """Vectors, shortened to `most` where they are longer."""
    length = np.linalg.norm(x, ord=p, axis=-1, keepdims=True)
    return np.where(length < most, x, x / np.maximum(length, _EPS) * most)


def _autosf(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    blocks = of.options["coefficients"]
    found: Floats = sum(sign * _dot(h[head], r[by], t[tail]) for head, by, tail, sign in blocks)
    return found


def _boxe(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    squash = np.tanh if of.options["tanh_map"] else np.positive

    def outside(place: Floats, bump: Floats, base: Floats, delta: Floats, size: Floats) -> Floats:
        mean = np.log(np.maximum(np.abs(delta), _EPS)).mean(axis=-1, keepdims=True)
        grown = np.where(size > 0, size + 1, np.exp(np.minimum(size, 0)))
        half = 0.5 * grown * delta / np.maximum(np.exp(mean), _EPS)
        low, high = squash(np.minimum(base - half, base + half)), squash(np.maximum(base - half, base + half))
        point, width = squash(place + bump), high - low
        off = np.abs(point - 0.5 * (low + high))
        beyond = (width + 1) * off - 0.5 * width * (width + 1 - 1 / (width + 1))
        return _far(np.where((point >= low) & (point <= high), off / (width + 1), beyond), of)

    return outside(h[0], t[1], *r[:3]) + outside(t[0], h[1], *r[3:])


def _convkb(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    kernels, biases = of.weights["conv.weight"].reshape(-1, 3), of.weights["conv.bias"]
    weights = of.weights["linear.weight"].reshape(len(kernels), -1)
    found: Any = of.weights["linear.bias"][0]
    for kernel, bias, weight in zip(kernels, biases, weights, strict=True):
        found = found + np.maximum(kernel[0] * h[0] + kernel[1] * r[0] + kernel[2] * t[0] + bias, 0) @ weight
    return np.asarray(found)


def _cp(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    return _sum(_dot(h[0], r[0], t[1]))


def _crosse(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    own = r[1] * h[0]
    return _dot(np.tanh(of.weights["bias"] + own + own * r[0]), t[0])


def _distma(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    return _dot(h[0], r[0]) + _dot(r[0], t[0]) + _dot(h[0], t[0])


def _ermlp(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    read = np.split(of.weights["hidden.weight"], 3, axis=1)
    hidden = sum(end @ weight.T for end, weight in zip((h[0], r[0], t[0]), read, strict=True))
    score: Floats = np.maximum(hidden + of.weights["hidden.bias"], 0) @ of.weights["hidden_to_score.weight"][0]
    return score + np.float32(of.weights["hidden_to_score.bias"][0])


def _hole(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    product = np.conj(np.fft.rfft(h[0])) * np.fft.rfft(t[0])
    return _dot(r[0], np.fft.irfft(product, n=h[0].shape[-1]).astype(np.float32))


def _kg2e(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    spread, asked = h[1] + t[1], np.maximum(r[1], _EPS)
    mean = r[0] - h[0] + t[0]
    return -0.5 * _sum((spread + mean**2) / asked - 1 + np.log(asked) - np.log(np.maximum(spread, _EPS)))


def _multilinear_tucker(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    return _dot(_mapped(h[0], _core(r[0], of)), t[1])


def _core(relation: Floats, of: Parts) -> Floats:
    """(n, 1, e) → (n, d, f): the relation's slice of the core."""
    found: Floats = np.einsum("ijk,nj->nik", of.weights["core_tensor"], relation[:, 0], optimize=True)
    return found


def _mapped(rows: Floats, matrices: Floats) -> Floats:
    """(1 or n, b, d) @ (n, d, e) → (n, b, e)."""
    found: Floats = rows @ matrices
    return found


def _mure(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    return _far(h[0] * r[1] + r[0] - t[0], of) + h[1] + t[2]


def _ntn(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    tensor, by_head, by_tail, bias, weight = (part[:, 0] for part in r)
    found: Any = np.float32(0)
    for k in range(tensor.shape[1]):
        linear = _mapped(h[0], by_head[:, k, :, None])[..., 0] + _mapped(t[0], by_tail[:, k, :, None])[..., 0]
        both = _dot(_mapped(h[0], tensor[:, k]), t[0])
        found = found + weight[:, k, None] * np.tanh(both + linear + bias[:, k, None])
    return np.asarray(found)


def _pairre(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    return _far(h[0] * r[0] - t[0] * r[1], of)


def _proje(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    joined = np.tanh(h[0] * of.weights["d_e"] + r[0] * of.weights["d_r"] + of.weights["b_c"])
    return _dot(joined, t[0]) + of.weights["b_p"]


def _quate(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    by = np.einsum("nbdj,ijk->nbdik", r[0], of.weights["table"])
    return -_sum(_dot((h[0][..., None] * by).sum(axis=-2), t[0]))


def _rescal(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    return _dot(_mapped(h[0], r[0][:, 0]), t[0])


def _se(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    by_head, by_tail = (part[:, 0].swapaxes(1, 2) for part in r)
    return _far(_mapped(h[0], by_head) - _mapped(t[0], by_tail), of)


def _simple(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    return 0.5 * (_dot(h[0], r[0], t[0]) + _dot(t[1], r[1], h[1]))


def _toruse(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    angle = h[0] + r[0] - t[0]
    angle = angle - np.floor(angle)
    return _far(np.minimum(angle, 1 - angle), of)


def _transd(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    def projected(end: Ends) -> Floats:
        found = r[1] * _dot(*end)[..., None]
        kept = min(end[0].shape[-1], r[1].shape[-1])
        found[..., :kept] += end[0][..., :kept]
        return _within(found, 1, 2)

    return _far(projected(h) + r[0] - projected(t), of)


def _transf(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    return 2 * _dot(h[0], t[0]) + _dot(r[0], t[0]) - _dot(h[0], r[0])


def _transh(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    normal = r[0]
    along = (_dot(t[0], normal) - _dot(h[0], normal))[..., None]
    return _far(h[0] - t[0] + r[1] + along * normal, of)


def _transr(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    most, p = of.options["max_projection_norm"], of.options["p"]
    head, tail = (_within(_mapped(end[0], r[1][:, 0]), most, p) for end in (h, t))
    return _far(head + r[0] - tail, of)


def _triplere(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    more = of.options.get("u") or 0.0
    return _far(h[0] * (r[0] + more) - t[0] * (r[2] + more) + r[1], of)


def _tucker(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    def normalised(x: Floats, name: str) -> Floats:
        weights = of.weights
        return x * weights[f"{name}.scale"] + weights[f"{name}.shift"] if f"{name}.scale" in weights else x

    mapped = _mapped(normalised(h[0], "head_batch_norm"), _core(r[0], of))
    return _dot(normalised(mapped, "head_relation_batch_norm"), t[0])


def _um(h: Ends, r: Ends, t: Ends, of: Parts) -> Floats:
    return _far(h[0] - t[0], of)


class Formula(NamedTuple):
    """A score, and the sides whose row it is linear in, up to a constant."""

    score: Score
    linear: frozenset[str] = frozenset()


_BOTH, _TAIL = frozenset({"head", "tail"}), frozenset({"tail"})
FORMULAS: Mapping[str, Formula] = {
    "AutoSF": Formula(_autosf, _BOTH), "BoxE": Formula(_boxe), "ConvKB": Formula(_convkb), "CP": Formula(_cp, _BOTH),
    "CrossE": Formula(_crosse, _TAIL), "DistMA": Formula(_distma, _BOTH), "ERMLP": Formula(_ermlp),
    "HolE": Formula(_hole, _BOTH), "KG2E": Formula(_kg2e), "LineaRE": Formula(_triplere),
    "MultiLinearTucker": Formula(_multilinear_tucker, _BOTH), "MuRE": Formula(_mure), "NTN": Formula(_ntn),
    "PairRE": Formula(_pairre), "ProjE": Formula(_proje, _TAIL), "QuatE": Formula(_quate, _BOTH),
    "RESCAL": Formula(_rescal, _BOTH), "SE": Formula(_se), "SimplE": Formula(_simple, _BOTH),
    "TorusE": Formula(_toruse), "TransD": Formula(_transd), "TransF": Formula(_transf, _BOTH),
    "TransH": Formula(_transh), "TransR": Formula(_transr), "TripleRE": Formula(_triplere),
    "TuckER": Formula(_tucker, _BOTH), "UM": Formula(_um),
}  # fmt: skip
"""By PyKEEN's name. ComplEx, DistMult, RotatE and TransE have a query vector, see `kgtag.embed.vectors`."""
