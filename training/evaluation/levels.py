"""What is compared: the frames, windows and contigs that every set of scores has a score for."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import result_files
from .sequences import CONTIGS, WHOLE, Sequence, read_choice, read_sequences


@dataclass(frozen=True)
class Level:
    """Items of one kind with their truth, and the scores of each set."""

    name: str
    """`frames`, `windows` or `contigs of N bases`."""
    labels: np.ndarray
    """int [items]: 1 is virus."""
    clades: np.ndarray
    """[items], names."""
    groups: np.ndarray
    """[items], names."""
    scores: dict[str, np.ndarray]
    """By set: float64 [items], 0 to 1."""
    beside: dict[str, dict[str, np.ndarray]]
    """By the other columns of CONTIG_SCORES, then by set: their values; empty for frames and windows."""
    unscored: dict[str, int]
    """By set: items without a score, such as windows without a kept frame; frames that do not exist are not counted."""
    left_out: int
    """Items that some set has a score for and another does not."""


def read_levels(cut: Path, sets: dict[str, Path]) -> list[Level]:
    """@param sets: folders with the folders `whole` and `contigs`, each with the result files of one run"""
    sequences, choice = read_sequences(cut), read_choice(cut)
    rows = {name: result_files.read_frames(folder / WHOLE) for name, folder in sets.items()}
    of_frames = {name: dict(zip(one.ids, one.virus)) for name, one in rows.items()}
    levels = [_level("frames", sequences[WHOLE], of_frames, {}, {name: 0 for name in sets})]
    windows = {name: result_files.read_windows(folder / WHOLE) for name, folder in sets.items()}
    of_windows = {name: dict(zip(one.ids, one.scores["virus_score"])) for name, one in windows.items()}
    unscored = {name: len(one.unscored) for name, one in windows.items()}
    levels.append(_level("windows", sequences[WHOLE], of_windows, {}, unscored))
    contigs = {name: result_files.read_contigs(folder / CONTIGS) for name, folder in sets.items()}
    for length in choice["lengths"]:
        chosen = {name: one for name, one in sequences[CONTIGS].items() if one.length == length}
        beside = {
            column: {name: _column(one, column, chosen) for name, one in contigs.items()}
            for column in result_files.CONTIG_SCORES
        }
        mean = beside.pop("mean_virus_score")
        unscored = {name: len(chosen) - len(values) for name, values in mean.items()}
        levels.append(_level(f"contigs of {length} bases", chosen, mean, beside, unscored))
    return levels


def _column(rows: result_files.ScoredRows, column: str, chosen: dict[str, Sequence]) -> dict[str, float]:
    return {name: score for name, score in zip(rows.ids, rows.scores[column]) if name in chosen}


def _level(
    name: str,
    sequences: dict[str, Sequence],
    scores: dict[str, dict[str, float]],
    beside: dict[str, dict[str, dict[str, float]]],
    unscored: dict[str, int],
) -> Level:
    every = [set(values) for values in scores.values()]
    common = sorted(set.intersection(*every))
    if not common:
        raise SystemExit(f"Expected scores of the same {name} in all sets but they have none in common.")
    of = [_sequence(item, sequences) for item in common]

    def columns(values: dict[str, dict[str, float]]) -> dict[str, np.ndarray]:
        return {name: np.array([one[item] for item in common]) for name, one in values.items()}

    return Level(
        name,
        np.array([one.label for one in of]),
        np.array([one.clade for one in of]),
        np.array([one.group for one in of]),
        columns(scores),
        {column: columns(values) for column, values in beside.items()},
        unscored,
        len(set.union(*every)) - len(common),
    )


def _sequence(item: str, sequences: dict[str, Sequence]) -> Sequence:
    """@param item: id of a sequence, or of one of its windows or frames"""
    found = sequences.get(item) or sequences.get(result_files.record_of(item))
    if found is None:
        raise SystemExit(f"Expected scores of sequences of the cut files but {item} is of none of them.")
    return found
