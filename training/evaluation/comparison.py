"""All figures for all sets of scores, as a dictionary for report.json."""

from pathlib import Path

import numpy as np

from .clade_pairs import Aurocs, CladePairs, draw_clades, macro_groups
from .levels import Level, read_levels
from .metrics import auprc, auroc, recalls, reliability
from .sequences import read_choice
from .triage_thresholds import Thresholds, decided
from .weights import class_weights

DRAWS = 1000
"""Resamplings of clades, for intervals."""
INTERVAL = (2.5, 97.5)
"""Percentiles."""


def compare(cut: Path, sets: dict[str, Path], triage: Thresholds | None, seed: int = 1) -> dict:
    """NaN becomes None. @param triage: of the first set; its results on the windows are added to the set's figures"""
    levels = []
    for level in read_levels(cut, sets):
        figures = _level_figures(level, seed)
        if triage is not None and level.name == "windows":
            first = next(iter(sets))
            scores = level.scores[first]
            figures["sets"][first]["triage"] = decided(scores, level.labels, class_weights(level.labels), triage)
        levels.append(figures)
    report = {"choice": read_choice(cut), "sets": list(sets), "draws": DRAWS, "levels": levels}
    return {key: _without_nan(one) for key, one in report.items()}


def _without_nan(value: object) -> object:
    """The same value with None for NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def _level_figures(level: Level, seed: int) -> dict:
    pairs = {
        name: CladePairs(level.labels, scores, level.clades, level.groups) for name, scores in level.scores.items()
    }
    drawn = {name: _drawn(one, seed) for name, one in pairs.items()}
    first = next(iter(pairs))
    one = pairs[first]
    virus = int(level.labels.sum())
    figures = {
        "name": level.name,
        "virus": virus,
        "other": len(level.labels) - virus,
        "prevalence": virus / len(level.labels),
        "virus_clades": len(one.virus.names),
        "other_clades": len(one.other.names),
        "left_out": level.left_out,
        "groups_in_means": {
            "virus": _chosen(one.virus.groups, macro_groups(one.virus)),
            "other": _chosen(one.other.groups, macro_groups(one.other)),
        },
    }
    sets = {}
    for name, scores in level.scores.items():
        found = pairs[name].aurocs()
        sets[name] = {
            **_set_figures(level, scores),
            **{key: [getattr(found, key), *_interval([getattr(draw, key) for draw in drawn[name]])] for key in _KEYS},
            "first_minus_this": _difference(drawn[first], drawn[name], pairs[first].aurocs(), found),
            "auroc_of": {column: auroc(level.labels, values[name]) for column, values in level.beside.items()},
            "unscored": level.unscored[name],
            "groups": _group_figures(level, pairs[name], found, scores),
        }
    return {**figures, "sets": sets}


_KEYS = ("pooled", "macro", "macro_virus", "macro_other")


def _chosen(names: list[str], is_chosen: np.ndarray) -> list[str]:
    return [name for name, one in zip(names, is_chosen) if one]


def _drawn(pairs: CladePairs, seed: int) -> list[Aurocs]:
    """Uses the same draws for every set, so that differences are comparable."""
    random = np.random.default_rng(seed)
    virus = draw_clades(len(pairs.virus.names), DRAWS, random)
    other = draw_clades(len(pairs.other.names), DRAWS, random)
    return [pairs.aurocs(*times) for times in zip(virus, other)]


def _interval(values: list[float]) -> list[float]:
    known = [value for value in values if not np.isnan(value)]
    return [float(one) for one in np.percentile(known, INTERVAL)] if known else [float("nan")] * 2


def _difference(firsts: list[Aurocs], others: list[Aurocs], first: Aurocs, other: Aurocs) -> dict:
    return {
        key: [
            getattr(first, key) - getattr(other, key),
            *_interval([getattr(a, key) - getattr(b, key) for a, b in zip(firsts, others)]),
        ]
        for key in _KEYS
    }


def _set_figures(level: Level, scores: np.ndarray) -> dict:
    weights = class_weights(level.labels)
    sensitivity, specificity = recalls(level.labels, scores)
    bins = reliability(level.labels, scores, weights)
    return {
        "auprc": auprc(level.labels, scores),
        "auprc_balanced": auprc(level.labels, scores, weights),
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ece": bins.expected_error,
        "reliability": {name: _rounded(getattr(bins, name)) for name in ("weight", "score", "virus")},
    }


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 5) for value in values]


def _group_figures(level: Level, pairs: CladePairs, found: Aurocs, scores: np.ndarray) -> list[dict]:
    rows = []
    for label, clades, values in ((1, pairs.virus, found.virus_groups), (0, pairs.other, found.other_groups)):
        for group, value in zip(clades.groups, values):
            chosen = (level.labels == label) & (level.groups == group)
            right = float(((scores[chosen] >= 0.5) == (label == 1)).mean())
            rows.append(
                {"label": label, "group": group, "items": int(chosen.sum()), "auroc": float(value), "right": right}
            )
    return rows
