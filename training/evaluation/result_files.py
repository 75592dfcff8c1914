"""Result files with the names and columns of `virnucpro predict`: written for the baselines, read for all models."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .frame_blocks import FrameBlock
from .probability import log_odds_of

FRAME_NAMES = ("F1", "F2", "F3", "R1", "R2", "R3")
FRAMES_FILE, WINDOWS_FILE, CONTIGS_FILE = "prediction_results.txt", "windows.tsv", "contigs.tsv"
FRAME_COLUMNS = ("Sequence_ID", "Prediction", "score1", "score2")
WINDOW_COLUMNS = (
    *(
        "contig",
        "window",
        "start",
        "end",
        "strand",
        "frame",
        "virus_score",
        "call",
        "frames",
        "status",
        "reason",
        "model",
    ),
)
CONTIG_SCORES = ("mean_virus_score", "max_virus_score", "mean_log_odds")
CONTIG_COLUMNS = (
    *("contig", "length", "ambiguous", "verdict", "windows", "windows_scored", "windows_virus"),
    *CONTIG_SCORES,
    *("status", "reason", "source"),
)
LEAST_DISTANCE = 2.0**-24
"""Scores closer to 0 or 1 than this count as if they were this far away, in log odds."""

WindowRule = Callable[[np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]
"""See window_scores."""


class ResultWriter:
    """The three tables of one input."""

    def __init__(self, folder: Path, model: str, window: int, rule: WindowRule) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._model, self._rule = model, rule
        self._files = {name: open(folder / name, "w") for name in (FRAMES_FILE, WINDOWS_FILE, CONTIGS_FILE)}
        self._row(FRAMES_FILE, FRAME_COLUMNS)
        for name, columns in ((WINDOWS_FILE, WINDOW_COLUMNS), (CONTIGS_FILE, CONTIG_COLUMNS)):
            self._files[name].write(f"# baseline model={model} chunk={window}\n")
            self._row(name, columns)

    def _row(self, name: str, cells: tuple) -> None:
        self._files[name].write("\t".join(map(str, cells)) + "\n")

    def write(self, block: FrameBlock, virus: np.ndarray) -> None:
        """@param virus: [frames of the block], 0 to 1"""
        counts, table = block.window_counts(), block.table
        scores, deciding = self._rule(virus, table.window, int(counts.sum()))
        frames = np.bincount(table.window, minlength=len(scores))
        self._write_frames(block, virus, np.concatenate([np.arange(1, count + 1) for count in counts]))
        first = 0
        for record, spans in zip(block.records, block.spans):
            part = slice(first, first + len(spans))
            first += len(spans)
            for at, (start, length) in enumerate(spans, part.start):
                place = (record.id, at - part.start + 1, start, start + length)
                chosen = FRAME_NAMES[table.frame[deciding[at]]] if frames[at] else None
                self._write_window(place, scores[at], chosen, frames[at])
            self._write_contig(record.id, len(record.bases), scores[part])

    def _write_frames(self, block: FrameBlock, virus: np.ndarray, numbers: np.ndarray) -> None:
        """@param numbers: [windows], from 1 in each record"""
        for record, window, frame, score in zip(block.frame_records(), block.table.window, block.table.frame, virus):
            name = f"{block.records[record].id}_chunk_{numbers[window]}{FRAME_NAMES[frame]}"
            call = "virus" if score > 0.5 else "others"
            self._row(FRAMES_FILE, (name, call, _shortest(1 - score), _shortest(score)))

    def _write_window(self, place: tuple, score: float, frame: str | None, frames: int) -> None:
        if frame is None:
            self._row(WINDOWS_FILE, (*place, "", "", "", "none", 0, "no_frame", "", ""))
            return
        strand = "+" if frame[0] == "F" else "-"
        call = "virus" if score >= 0.5 else "other"
        last = (strand, frame[1], _shortest(score), call, frames, "scored", "", self._model)
        self._row(WINDOWS_FILE, (*place, *last))

    def _write_contig(self, record: str, length: int, scores: np.ndarray) -> None:
        scored = scores[~np.isnan(scores)]
        virus = int((scored >= 0.5).sum())
        if len(scored) == 0:
            cells = ("none", len(scores), 0, 0, *("" for _ in CONTIG_SCORES), "no_frame", "", "")
        else:
            verdict = "virus" if 2 * virus >= len(scored) else "other"
            sizes = (len(scores), len(scored), virus)
            clear = np.clip(scored, LEAST_DISTANCE, 1 - LEAST_DISTANCE)
            odds = log_odds_of(1 - clear, clear)
            cells = (verdict, *sizes, *map(_shortest, (scored.mean(), scored.max(), odds.mean())), "scored", "", "")
        self._row(CONTIGS_FILE, (record, length, "", *cells))

    def close(self) -> None:
        for file in self._files.values():
            file.close()


def _shortest(score: float) -> str:
    return str(np.float32(score))


@dataclass(frozen=True)
class FrameRows:
    """prediction_results.txt."""

    ids: list[str]
    """`RECORD_chunk_NUMBERFRAME`."""
    others: np.ndarray
    """float64 [frames]."""
    virus: np.ndarray
    """float64 [frames]."""

    def windows(self) -> list[str]:
        """[frames]: the id of a frame's window."""
        return [one[:-2] for one in self.ids]


@dataclass(frozen=True)
class ScoredRows:
    """The rows of windows.tsv or contigs.tsv that have a score."""

    ids: list[str]
    """Of windows `RECORD_chunk_NUMBER`, of contigs the record."""
    scores: dict[str, np.ndarray]
    """By column, float64 [rows]."""
    unscored: list[str]
    """Ids of the rows without a score."""


def record_of(window: str) -> str:
    """The record of a window or frame, from its id."""
    return window.rpartition("_chunk_")[0]


def read_frames(folder: Path) -> FrameRows:
    rows = list(_rows(folder / FRAMES_FILE, comment=False))
    others, virus = (np.array([float(row[name]) for row in rows]) for name in ("score1", "score2"))
    return FrameRows([row["Sequence_ID"] for row in rows], others, virus)


def read_windows(folder: Path) -> ScoredRows:
    rows = _rows(folder / WINDOWS_FILE, comment=True)
    return _scored(((f"{row['contig']}_chunk_{row['window']}", row) for row in rows), ("virus_score",))


def read_contigs(folder: Path) -> ScoredRows:
    rows = _rows(folder / CONTIGS_FILE, comment=True)
    return _scored(((row["contig"], row) for row in rows), CONTIG_SCORES)


def read_longest_window(folder: Path) -> int:
    """The window length of a run in bases, provided that some record is at least that long."""
    return max(int(row["end"]) - int(row["start"]) for row in _rows(folder / WINDOWS_FILE, comment=True))


def read_temperature(folder: Path) -> float:
    """The temperature of a run's scores; 1 for the baselines, which have no run.json."""
    path = folder / "run.json"
    if not path.exists():
        return 1.0
    return float(json.loads(path.read_text())["parameters"].get("temperature", 1.0))


def _scored(rows: Iterator[tuple[str, dict[str, str]]], columns: tuple[str, ...]) -> ScoredRows:
    ids, unscored = [], []
    scores: dict[str, list[float]] = {name: [] for name in columns}
    for name, row in rows:
        if row[columns[0]] == "":
            unscored.append(name)
            continue
        ids.append(name)
        for column in columns:
            scores[column].append(float(row[column]))
    return ScoredRows(ids, {name: np.array(values) for name, values in scores.items()}, unscored)


def _rows(path: Path, comment: bool) -> Iterator[dict[str, str]]:
    with open(path, newline="") as file:
        if comment:
            file.readline()
        yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
