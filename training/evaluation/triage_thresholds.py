"""Which window scores leave so little doubt that no other model has to look at the window."""

import math
from dataclasses import dataclass

import numpy as np

DIGITS = 4


@dataclass(frozen=True)
class Thresholds:
    """As in a model's `pipeline.json`."""

    others_below: float
    """Surely other below it; 0 for never."""
    virus_at_least: float
    """Surely virus from it on."""


def fit_thresholds(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray, error: float) -> Thresholds:
    """
    Those that decide the most windows with a weighted share of wrong ones of at most `error` on each side.

    Rounded to DIGITS away from the middle, so that they decide no more windows than were measured.

    @param scores, labels, weights: [windows]; scores are calibrated, weights make the classes weigh the same
    """
    below = _widest(scores, labels == 1, weights, error)
    # The same from the other end; there the threshold itself is decided.
    above = 1 - _widest(1 - scores, labels == 0, weights, error)
    scale = 10**DIGITS
    others_below = math.floor(below * scale) / scale
    virus_at_least = min(1.0, math.ceil(above * scale) / scale)
    if others_below > virus_at_least:
        middle = (others_below + virus_at_least) / 2
        others_below = virus_at_least = round(middle, DIGITS)
    return Thresholds(others_below, virus_at_least)


def _widest(scores: np.ndarray, is_wrong: np.ndarray, weights: np.ndarray, error: float) -> float:
    """The greatest bound such that of the scores below it at most this share is wrong."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    total, wrong = np.cumsum(weights[order]), np.cumsum((weights * is_wrong)[order])
    # Only between two scores that differ can there be a bound.
    is_end = np.append(ordered[1:] > ordered[:-1], True)
    good = np.flatnonzero(is_end & (wrong <= error * total))
    if len(good) == 0:
        return 0.0
    last = good[-1]
    return float(ordered[last] + ordered[last + 1]) / 2 if last + 1 < len(ordered) else 1.0


def decided(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray, thresholds: Thresholds) -> dict:
    """
    How many windows are decided and how many of them wrongly: counts, the weighted share of each class that is decided,
    and the weighted share of wrong ones on each side (None where nothing is decided).
    """
    as_other, as_virus = scores < thresholds.others_below, scores >= thresholds.virus_at_least
    is_decided = as_other | as_virus
    return {
        "windows": len(scores),
        "decided": int(is_decided.sum()),
        "as_other": int(as_other.sum()),
        "as_virus": int(as_virus.sum()),
        "share": share(is_decided, np.ones(len(scores), dtype=bool), weights),
        "share_of_virus": share(is_decided, labels == 1, weights),
        "share_of_other": share(is_decided, labels == 0, weights),
        "wrong_as_other": share(labels == 1, as_other, weights),
        "wrong_as_virus": share(labels == 0, as_virus, weights),
    }


def share(is_counted: np.ndarray, of: np.ndarray, weights: np.ndarray) -> float | None:
    """The weight of what is counted within that of the whole."""
    whole = weights[of].sum()
    return float(weights[of & is_counted].sum() / whole) if whole > 0 else None
