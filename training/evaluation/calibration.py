"""calibration.json: a model's temperature and its triage thresholds, from scores of the validation split."""

import json
from pathlib import Path

import numpy as np

from . import result_files
from .probability import fit_temperature, log_odds_of, negative_log_likelihood, virus_probability
from .sequences import WHOLE, Sequence, read_choice, read_sequences
from .triage_thresholds import decided, fit_thresholds
from .weights import clade_weights
from .window_scores import deciding_frames


class ScoredFrames:
    """The frames of one run over whole.fa, with their truth."""

    def __init__(self, folder: Path, sequences: dict[str, Sequence]) -> None:
        rows = result_files.read_frames(folder)
        self.window_length = result_files.read_longest_window(folder)
        """Bases."""
        # Undoes the calibration of scores that are already calibrated.
        self.log_odds = log_odds_of(rows.others, rows.virus) * result_files.read_temperature(folder)
        """float64 [frames]: at temperature 1."""
        windows, self.window = np.unique(rows.windows(), return_inverse=True)
        """int [frames]: index of its window."""
        of = [sequences[result_files.record_of(str(window))] for window in windows]
        self.window_labels = np.array([one.label for one in of])
        self.window_clades = np.array([one.clade for one in of])

    def labels(self) -> np.ndarray:
        """int [frames]: 1 is virus."""
        return self.window_labels[self.window]

    def weights(self) -> np.ndarray:
        """float64 [frames]: see clade_weights."""
        return clade_weights(self.labels(), self.window_clades[self.window])

    def window_scores(self, temperature: float) -> np.ndarray:
        """float64 [windows]: calibrated, of the deciding frame, rounded as the product does."""
        order = np.argsort(self.window, kind="stable")
        virus = virus_probability(self.log_odds / temperature)
        scores, _ = deciding_frames(virus[order], self.window[order], len(self.window_labels))
        return scores.astype(np.float32).astype(np.float64)


def calibrate(cut: Path, folders: list[Path], error: float, out: Path) -> str:
    """
    Writes `out`; returns a description of its effect.

    @param folders: each with the folder `whole`, one run per window length; the temperature is fitted on the first
    @param error: the fraction of wrong decisions allowed among the decided windows, on each side
    """
    if read_choice(cut)["split"] == "test":
        raise SystemExit(
            "Expected scores of the validation split but these are of the test split, which decides nothing."
        )
    sequences = read_sequences(cut)[WHOLE]
    runs = [ScoredFrames(folder / WHOLE, sequences) for folder in folders]
    first = runs[0]
    temperature = round(fit_temperature(first.log_odds, first.labels(), first.weights()), 4)
    before, after = (
        negative_log_likelihood(first.log_odds / one, first.labels(), first.weights()) for one in (1.0, temperature)
    )
    lines = [f"Temperature {temperature:g}: negative log-likelihood of frames {before:.4f} -> {after:.4f}"]
    triage = []
    for run in runs:
        scores = run.window_scores(temperature)
        weights = clade_weights(run.window_labels, run.window_clades)
        found = fit_thresholds(scores, run.window_labels, weights, error)
        triage.append(
            {
                "chunkSize": run.window_length,
                "othersBelow": found.others_below,
                "virusAtLeast": found.virus_at_least,
            }
        )
        lines.append(f"{triage[-1]}: {decided(scores, run.window_labels, weights, found)}")
    out.write_text(json.dumps({"temperature": temperature, "triage": triage}, indent=2) + "\n")
    return "\n".join(lines)
