"""AUROC by clades: pooled, per group and as means over groups, also for resampled clades."""

from dataclasses import dataclass

import numpy as np

from .metrics import wins

MACRO_LEAST = 10
"""Sequences that a group needs in order to count in a mean over groups."""


@dataclass(frozen=True)
class Clades:
    """One class, by clade."""

    names: list[str]
    group: np.ndarray
    """int [clades]: index in `groups`."""
    groups: list[str]
    sizes: np.ndarray
    """float64 [clades]: number of items."""


@dataclass(frozen=True)
class Aurocs:
    """NaN if there is nothing to compare."""

    pooled: float
    """Any virus against any other."""
    virus_groups: np.ndarray
    """[virus groups]: one family against all others."""
    other_groups: np.ndarray
    """[other groups]: all viruses against one group."""
    macro_virus: float
    """Mean of `virus_groups`."""
    macro_other: float
    """Mean of `other_groups`."""
    macro: float
    """Mean over all pairs of a family and an other group."""


class CladePairs:
    """How often an item of a virus clade scores higher than one of an other clade."""

    def __init__(self, labels: np.ndarray, scores: np.ndarray, clades: np.ndarray, groups: np.ndarray) -> None:
        """All [items]. @param clades, groups: names"""
        self.virus, virus_clade = _clades(clades[labels == 1], groups[labels == 1])
        self.other, other_clade = _clades(clades[labels == 0], groups[labels == 0])
        positives, negatives = scores[labels == 1], scores[labels == 0]
        self.wins = np.zeros((len(self.virus.names), len(self.other.names)))
        """[virus clades, other clades]: pairs of items in the right order, ties as half."""
        for clade in range(len(self.other.names)):
            of_items = wins(positives, negatives[other_clade == clade])
            self.wins[:, clade] = np.bincount(virus_clade, of_items, len(self.virus.names))

    def aurocs(self, virus_times: np.ndarray | None = None, other_times: np.ndarray | None = None) -> Aurocs:
        """
        @param virus_times, other_times: [clades], how often a clade counts; once if absent. In means over groups, a
        group counts as often as its clades do on average
        """
        virus = np.ones(len(self.virus.names)) if virus_times is None else virus_times
        other = np.ones(len(self.other.names)) if other_times is None else other_times
        of_virus, of_other = _membership(self.virus), _membership(self.other)
        right = (of_virus * virus).dot(self.wins).dot((of_other * other).T)
        virus_size, other_size = of_virus.dot(virus * self.virus.sizes), of_other.dot(other * self.other.sizes)
        with np.errstate(invalid="ignore", divide="ignore"):
            pairs = right / np.outer(virus_size, other_size)
            by_virus = right.sum(axis=1) / (virus_size * other_size.sum())
            by_other = right.sum(axis=0) / (other_size * virus_size.sum())
            pooled = float(right.sum() / (virus_size.sum() * other_size.sum()))
        virus_part = _group_parts(self.virus, virus)
        other_part = _group_parts(self.other, other)
        return Aurocs(
            pooled,
            by_virus,
            by_other,
            _mean(by_virus, virus_part),
            _mean(by_other, other_part),
            _mean(pairs.ravel(), np.outer(virus_part, other_part).ravel()),
        )


def is_one_family(group: str) -> bool:
    """Whether a group of viruses is a single family: unassigned and metagenomic viruses belong to many."""
    return "unassigned" not in group and "metagenomic" not in group


def macro_groups(clades: Clades) -> np.ndarray:
    """bool [groups]: whether a group counts in means over groups."""
    sizes = _membership(clades).dot(clades.sizes)
    return (sizes >= MACRO_LEAST) & np.array([is_one_family(group) for group in clades.groups], dtype=bool)


def draw_clades(count: int, times: int, random: np.random.Generator) -> np.ndarray:
    """float64 [times, count]: how often each clade is drawn in `count` draws with replacement."""
    return random.multinomial(count, np.full(count, 1 / count), size=times).astype(np.float64)


def _clades(clades: np.ndarray, groups: np.ndarray) -> tuple[Clades, np.ndarray]:
    names, first, items = np.unique(clades, return_index=True, return_inverse=True)
    group_names, group = np.unique(groups[first], return_inverse=True)
    sizes = np.bincount(items, minlength=len(names)).astype(np.float64)
    return Clades(list(map(str, names)), group, list(map(str, group_names)), sizes), items


def _membership(clades: Clades) -> np.ndarray:
    """float64 [groups, clades]: 1 if the clade belongs to the group."""
    return (np.arange(len(clades.groups))[:, None] == clades.group[None]).astype(np.float64)


def _group_parts(clades: Clades, times: np.ndarray) -> np.ndarray:
    members = _membership(clades)
    return members.dot(times) / members.sum(axis=1) * macro_groups(clades)


def _mean(values: np.ndarray, parts: np.ndarray) -> float:
    counted = parts > 0
    return float(np.average(values[counted], weights=parts[counted])) if counted.any() else float("nan")
