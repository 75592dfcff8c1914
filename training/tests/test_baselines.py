"""Both baselines learn what there is to learn, and are the same after saving and loading."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import numpy as np

from evaluation.baselines import score_baselines
from evaluation.frame_blocks import frame_blocks
from evaluation.markov import Markov
from evaluation.metrics import auroc
from evaluation.result_files import read_contigs, read_windows
from evaluation.trees import COLUMNS, FrameSample, Trees, tree_features
from mini.corpus import Record
from mini.genetic_code import base_letters

SHARES = ([0.3, 0.2, 0.2, 0.3], [0.2, 0.3, 0.3, 0.2])
"""Frequencies of A, C, G and T, by label."""


def make_records(seed: int, bases: int) -> list[Record]:
    random = np.random.default_rng(seed)
    return [
        Record(f"{label}:{number}", label, "", "group", f"clade{number}", random.choice(4, bases, p=share).astype("u1"))
        for label, share in enumerate(SHARES)
        for number in range(4)
    ]


def sample(records: list[Record], window: int) -> FrameSample:
    block = next(frame_blocks(records, window))
    labels = np.array([record.label for record in records])[block.frame_records()]
    clades = [records[position].clade for position in block.frame_records()]
    return FrameSample(tree_features(block.table), labels, clades)


class Baselines(unittest.TestCase):
    def test_from_training_to_result_files(self) -> None:
        train, kept, test = (make_records(seed, 15_000) for seed in (1, 2, 3))
        fitted, validation = sample(train, 90), sample(kept, 90)
        self.assertEqual(fitted.features.shape[1], COLUMNS)
        with contextlib.redirect_stdout(io.StringIO()):
            trees = Trees.train(fitted, validation)
        trees = trees.calibrated(trees.log_odds(validation.features), validation.labels, validation.clades)
        markov = Markov.train(train)
        odds = markov.log_odds(next(frame_blocks(kept, 90)).table)
        markov = markov.calibrated(odds, validation.labels, validation.clades)
        with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(io.StringIO()):
            folder = Path(name)
            markov.save(folder)
            trees.save(folder)
            self.assertEqual(Trees.load(folder).count, trees.count)
            again = Trees.train_so_many(fitted.joined(validation), 7, trees.temperature)
            self.assertEqual(again.count, 7)
            table = next(frame_blocks(test, 90)).table
            np.testing.assert_array_equal(Markov.load(folder).virus_scores(table), markov.virus_scores(table))
            np.testing.assert_allclose(Trees.load(folder).virus_scores(table), trees.virus_scores(table), rtol=1e-12)
            fasta = "".join(f">{record.id}\n{base_letters(record.bases)}\n" for record in test)
            for file in ("whole", "contigs"):
                (folder / f"{file}.fa").write_text(fasta)
            score_baselines(markov, trees, folder, 90, folder / "scores")
            for baseline in ("markov", "trees", "trees-mean"):
                windows = read_windows(folder / "scores" / baseline / "whole")
                labels = np.array([int(window[0]) for window in windows.ids])
                self.assertGreater(auroc(labels, windows.scores["virus_score"]), 0.75, baseline)
                contigs = read_contigs(folder / "scores" / baseline / "contigs")
                right = [
                    (score > 0.5) == (one[0] == "1")
                    for one, score in zip(contigs.ids, contigs.scores["mean_virus_score"])
                ]
                self.assertTrue(all(right), baseline)


if __name__ == "__main__":
    unittest.main()
