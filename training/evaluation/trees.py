"""The second baseline: gradient-boosted trees on the composition of kept frames."""

import json
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np

from mini.composition import KINDS, composition
from mini.frames import FrameTable

from .probability import fit_temperature, virus_probability
from .weights import clade_weights

READ = ("codons", "fours", "pairs")
COLUMNS = sum(KINDS[kind] for kind in READ)

MOST_TREES = 1500
PARAMETERS = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 100,
    "lambda_l2": 10.0,
    "feature_fraction": 0.2,
    "bagging_fraction": 0.5,
    "bagging_freq": 1,
    "force_row_wise": True,
    "deterministic": True,
    "num_threads": 1,
    "seed": 1,
    "verbosity": -1,
}
PATIENCE = 60
"""Training ends after this many trees without a better loss on the validation clades."""


def tree_features(table: FrameTable) -> np.ndarray:
    """float32 [frames, COLUMNS]: square roots of relative frequencies; only their order matters to trees."""
    return composition(table, *READ)


@dataclass(frozen=True)
class FrameSample:
    """Frames with their truth."""

    features: np.ndarray
    """float32 [frames, COLUMNS]."""
    labels: np.ndarray
    """int8 [frames]: 1 is virus."""
    clades: list[str]
    """[frames]."""

    def joined(self, other: "FrameSample") -> "FrameSample":
        """These frames, then the others."""
        features = np.concatenate([self.features, other.features])
        return FrameSample(features, np.concatenate([self.labels, other.labels]), self.clades + other.clades)

    def dataset(self, reference: lightgbm.Dataset | None = None) -> lightgbm.Dataset:
        """Weighted by clade. @param reference: the data set whose bins are used"""
        weights = clade_weights(self.labels, self.clades)
        return lightgbm.Dataset(self.features, self.labels, weight=weights, reference=reference)


class Trees:
    """Scores of frames."""

    name = "trees"

    def __init__(self, booster: lightgbm.Booster, temperature: float = 1.0) -> None:
        self.booster = booster
        self.temperature = temperature

    @staticmethod
    def train(train: FrameSample, validation: FrameSample) -> "Trees":
        """As many trees as minimise the loss on the validation clades."""
        of_train = train.dataset()
        booster = lightgbm.train(
            PARAMETERS,
            of_train,
            MOST_TREES,
            valid_sets=[validation.dataset(of_train)],
            valid_names=["validation clades"],
            callbacks=[lightgbm.early_stopping(PATIENCE), lightgbm.log_evaluation(50)],
        )
        return Trees(booster)

    @staticmethod
    def train_so_many(train: FrameSample, count: int, temperature: float) -> "Trees":
        """Trains a known number of trees."""
        return Trees(lightgbm.train(PARAMETERS, train.dataset(), count), temperature)

    @property
    def count(self) -> int:
        """Number of trees used for scores: those after the best were only tried."""
        best = self.booster.best_iteration
        return best if best > 0 else self.booster.num_trees()

    def log_odds(self, features: np.ndarray) -> np.ndarray:
        """float64 [frames]. @param features: from tree_features"""
        if len(features) == 0:
            return np.zeros(0)
        return np.asarray(self.booster.predict(features, raw_score=True, num_threads=1)) / self.temperature

    def virus_scores(self, table: FrameTable) -> np.ndarray:
        """float64 [frames], 0 to 1."""
        return virus_probability(self.log_odds(tree_features(table)))

    def calibrated(self, odds: np.ndarray, labels: np.ndarray, clades: list[str]) -> "Trees":
        """With the temperature that fits these frames best. @param odds: this model's log odds of the frames"""
        weights = clade_weights(labels, clades)
        return Trees(self.booster, self.temperature * fit_temperature(odds, labels, weights))

    def save(self, folder: Path) -> None:
        self.booster.save_model(folder / "trees.txt", num_iteration=self.count)
        (folder / "trees.json").write_text(json.dumps({"temperature": self.temperature}) + "\n")

    @staticmethod
    def load(folder: Path) -> "Trees":
        temperature = json.loads((folder / "trees.json").read_text())["temperature"]
        return Trees(lightgbm.Booster(model_file=folder / "trees.txt"), temperature)
