"""Figures of one set of scores: how well it ranks, how well it decides at 0.5, and how reliable its scores are."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score

BINS = 15


def wins(positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    """float64 [positives]: the number of negatives that each score is above, ties as half."""
    ordered = np.sort(negatives)
    return (np.searchsorted(ordered, positives, "left") + np.searchsorted(ordered, positives, "right")) / 2


def auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """The probability that a virus scores higher than an other, ties as half. NaN if a class is missing."""
    positives, negatives = scores[labels == 1], scores[labels == 0]
    if len(positives) == 0 or len(negatives) == 0:
        return float("nan")
    return float(wins(positives, negatives).mean() / len(negatives))


def auprc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Average precision: sum of precision times the step in recall; random scores give the weighted virus fraction."""
    return float(average_precision_score(labels, scores, sample_weight=weights))


def recalls(labels: np.ndarray, scores: np.ndarray, threshold: float = 0.5) -> tuple[float, float]:
    """Sensitivity (virus with a score of at least the threshold) and specificity (other below it)."""
    return float((scores[labels == 1] >= threshold).mean()), float((scores[labels == 0] < threshold).mean())


@dataclass(frozen=True)
class Reliability:
    """Observed frequencies by score, in BINS bins of equal width."""

    weight: np.ndarray
    """[BINS]: fraction of all items; they add up to 1."""
    score: np.ndarray
    """[BINS]: mean score; NaN for an empty bin."""
    virus: np.ndarray
    """[BINS]: fraction of virus; NaN for an empty bin."""

    @property
    def expected_error(self) -> float:
        """ECE: the mean distance between a bin's mean score and its fraction of virus, weighted by bin."""
        full = self.weight > 0
        return float((self.weight[full] * np.abs(self.score[full] - self.virus[full])).sum())


def reliability(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> Reliability:
    """@param scores: [items], 0 to 1; 1 belongs to the last bin"""
    bins = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    total = np.bincount(bins, weights, BINS)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(bins, weights * scores, BINS) / total
        virus = np.bincount(bins, weights * labels, BINS) / total
    return Reliability(total / weights.sum(), mean, virus)
