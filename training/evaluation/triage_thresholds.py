"""Thresholds beyond which a window's score is so certain that no other model has to see the window."""

from dataclasses import dataclass

import numpy as np

DIGITS = 4


@dataclass(frozen=True)
class Thresholds:
    """As in a model's `pipeline.json`."""

    others_below: float
    """Surely other below this; 0: never."""
    virus_at_least: float
    """Surely virus from this on."""


def fit_thresholds(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray, error: float) -> Thresholds:
    """
    The thresholds of DIGITS digits that decide the most windows, with a weighted fraction of wrong decisions of at most
    `error` on each side.

    @param scores, labels, weights: [windows]; scores are calibrated, weights give both classes the same total
    """
    bounds = np.arange(10**DIGITS + 1) / 10**DIGITS
    order = np.argsort(scores, kind="stable")
    # What lies below each bound: weights of all windows, and of viruses.
    below = np.searchsorted(scores[order], bounds, "left")
    every, virus = (np.append(0.0, np.cumsum(one[order]))[below] for one in (weights, weights * (labels == 1)))
    above, other_above = weights.sum() - every, weights[labels == 0].sum() - (every - virus)
    as_other = bounds[(every > 0) & (virus <= error * every)]
    as_virus = bounds[(above > 0) & (other_above <= error * above)]
    others_below = float(as_other[-1]) if len(as_other) else 0.0
    virus_at_least = float(as_virus[0]) if len(as_virus) else 1.0
    if others_below > virus_at_least:
        others_below = virus_at_least = round((others_below + virus_at_least) / 2, DIGITS)
    return Thresholds(others_below, virus_at_least)


def decided(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray, thresholds: Thresholds) -> dict:
    """
    How many windows are decided and how many of them wrongly: counts, the weighted fraction of each class that is
    decided, and the weighted fraction of wrong decisions on each side (None if nothing is decided).
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
    """Weight of the counted items as a fraction of the weight of all in `of`."""
    whole = weights[of].sum()
    return float(weights[of & is_counted].sum() / whole) if whole > 0 else None
