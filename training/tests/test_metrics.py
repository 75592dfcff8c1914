"""Figures compared with scikit-learn and with small examples by hand."""

import unittest

import numpy as np
from sklearn.metrics import roc_auc_score

from evaluation.clade_pairs import CladePairs, draw_clades
from evaluation.metrics import auprc, auroc, recalls, reliability
from evaluation.weights import clade_weights, class_weights


def random_items(seed: int, items: int = 600) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labels, coarse scores (with many ties), clades and groups."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, items)
    scores = np.round(random.random(items) * 0.7 + 0.3 * labels, 1)
    numbers = random.integers(0, 6, items)
    clades = np.array([f"{'ov'[label]}{number}" for label, number in zip(labels, numbers)])
    groups = np.array([f"{'ov'[label]}-{number // 2}" for label, number in zip(labels, numbers)])
    return labels, scores, clades, groups


class Auroc(unittest.TestCase):
    def test_is_that_of_scikit_learn(self) -> None:
        for seed in range(5):
            labels, scores, _, _ = random_items(seed)
            self.assertAlmostEqual(auroc(labels, scores), roc_auc_score(labels, scores), places=12)

    def test_of_one_class_is_no_number(self) -> None:
        self.assertTrue(np.isnan(auroc(np.ones(3), np.arange(3.0))))


class Pairs(unittest.TestCase):
    def setUp(self) -> None:
        self.labels, self.scores, self.clades, self.groups = random_items(7)
        self.pairs = CladePairs(self.labels, self.scores, self.clades, self.groups)

    def of(self, chosen: np.ndarray) -> float:
        return roc_auc_score(self.labels[chosen], self.scores[chosen])

    def test_pooled_and_groups(self) -> None:
        found = self.pairs.aurocs()
        self.assertAlmostEqual(found.pooled, self.of(self.labels >= 0), places=12)
        for position, group in enumerate(self.pairs.virus.groups):
            chosen = (self.groups == group) | (self.labels == 0)
            self.assertAlmostEqual(found.virus_groups[position], self.of(chosen), places=12)
        for position, group in enumerate(self.pairs.other.groups):
            chosen = (self.groups == group) | (self.labels == 1)
            self.assertAlmostEqual(found.other_groups[position], self.of(chosen), places=12)
        self.assertAlmostEqual(found.macro_virus, np.mean(found.virus_groups), places=12)

    def test_macro_is_the_mean_over_pairs_of_groups(self) -> None:
        every = [
            self.of((self.groups == one) | (self.groups == other))
            for one in self.pairs.virus.groups
            for other in self.pairs.other.groups
        ]
        self.assertAlmostEqual(self.pairs.aurocs().macro, np.mean(every), places=12)

    def test_clades_that_are_drawn_twice_count_twice(self) -> None:
        random = np.random.default_rng(3)
        virus = draw_clades(len(self.pairs.virus.names), 1, random)[0]
        other = draw_clades(len(self.pairs.other.names), 1, random)[0]
        times = dict(zip(self.pairs.virus.names + self.pairs.other.names, [*virus, *other]))
        again = np.repeat(np.arange(len(self.labels)), [int(times[clade]) for clade in self.clades])
        self.assertAlmostEqual(
            self.pairs.aurocs(virus, other).pooled, roc_auc_score(self.labels[again], self.scores[again]), places=12
        )

    def test_small_groups_and_mixed_ones_are_left_out_of_means(self) -> None:
        clades, groups = self.clades.astype("U20"), self.groups.astype("U20")
        few = np.flatnonzero(self.labels == 1)[:9]
        clades[few] = groups[few] = "few"
        mixed = np.flatnonzero(self.labels == 1)[9:60]
        clades[mixed] = groups[mixed] = "phage-unassigned"
        found = CladePairs(self.labels, self.scores, clades, groups)
        values = dict(zip(found.virus.groups, found.aurocs().virus_groups))
        kept = [values[name] for name in ("v-0", "v-1", "v-2")]
        self.assertAlmostEqual(found.aurocs().macro_virus, np.mean(kept), places=12)


class Decisions(unittest.TestCase):
    def test_a_half_is_virus(self) -> None:
        labels, scores = np.array([1, 1, 0, 0, 0]), np.array([0.5, 0.4, 0.5, 0.1, 0.2])
        self.assertEqual(recalls(labels, scores), (0.5, 2 / 3))

    def test_average_precision_of_chance_is_the_weighted_prevalence(self) -> None:
        labels = np.array([1, 0, 0, 0])
        self.assertAlmostEqual(auprc(labels, np.ones(4)), 0.25)
        self.assertAlmostEqual(auprc(labels, np.ones(4), class_weights(labels)), 0.5)


class Calibration(unittest.TestCase):
    def test_by_hand(self) -> None:
        labels, scores = np.array([0, 1, 1, 1]), np.array([0.1, 0.12, 0.9, 1.0])
        found = reliability(labels, scores, np.ones(4))
        # 0.1 and 0.12 are in the second of fifteen bins; 0.9 and 1.0 in the last two.
        np.testing.assert_allclose(found.weight[[1, 13, 14]], [0.5, 0.25, 0.25])
        self.assertAlmostEqual(found.expected_error, 0.5 * abs(0.11 - 0.5) + 0.25 * 0.1)

    def test_scores_that_come_true_have_no_error(self) -> None:
        random = np.random.default_rng(1)
        scores = random.random(200_000)
        labels = (random.random(200_000) < scores).astype(int)
        self.assertLess(reliability(labels, scores, np.ones(200_000)).expected_error, 0.01)


class Weights(unittest.TestCase):
    def test_classes_weigh_the_same_and_clades_by_their_root(self) -> None:
        labels = np.array([1] * 16 + [1] * 4 + [0] * 9)
        clades = ["big"] * 16 + ["small"] * 4 + ["big"] * 9
        weights = clade_weights(labels, clades)
        self.assertAlmostEqual(weights.mean(), 1.0)
        self.assertAlmostEqual(weights[labels == 1].sum(), weights[labels == 0].sum())
        self.assertAlmostEqual(weights[:16].sum() / weights[16:20].sum(), 2.0)


if __name__ == "__main__":
    unittest.main()
