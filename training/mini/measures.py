"""The measure that steers training: how well validation frames are separated."""

from collections import Counter

import numpy as np
from sklearn.metrics import roc_auc_score

FEWEST = 20
"""Minimum frames of a family or group for it to count."""


def macro_auroc(scores: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> float:
    """Mean AUROC over all pairs of a virus family and a group of others, so that large ones do not dominate."""
    counts = Counter(zip(labels.tolist(), groups.tolist()))
    large = [[group for (label, group), count in counts.items() if label == one and count >= FEWEST] for one in (0, 1)]
    values = []
    for virus in large[1]:
        for other in large[0]:
            chosen = ((groups == virus) & (labels == 1)) | ((groups == other) & (labels == 0))
            values.append(roc_auc_score(labels[chosen], scores[chosen]))
    return float(np.mean(values))
