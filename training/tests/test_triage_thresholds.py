"""Triage thresholds on small examples."""

import unittest

import numpy as np

from evaluation.triage_thresholds import Thresholds, decided, fit_thresholds


class Fitted(unittest.TestCase):
    def test_sides_that_are_free_of_error_are_decided(self) -> None:
        scores = np.array([0.1, 0.2, 0.4, 0.5, 0.6, 0.8, 0.9])
        labels = np.array([0, 0, 1, 0, 1, 0, 1])
        found = fit_thresholds(scores, labels, np.ones(7), 0.01)
        self.assertEqual(found, Thresholds(0.4, 0.8001))
        figures = decided(scores, labels, np.ones(7), found)
        self.assertEqual((figures["as_other"], figures["as_virus"], figures["decided"]), (2, 1, 3))
        self.assertEqual((figures["wrong_as_other"], figures["wrong_as_virus"]), (0.0, 0.0))
        self.assertAlmostEqual(figures["share_of_virus"], 1 / 3)

    def test_error_is_used_up_and_not_exceeded(self) -> None:
        random = np.random.default_rng(1)
        labels = random.integers(0, 2, 5000)
        scores = 1 / (1 + np.exp(-random.normal(3 * labels - 1.5, 1.5)))
        weights = random.random(5000) + 0.5
        found = fit_thresholds(scores, labels, weights, 0.02)
        figures = decided(scores, labels, weights, found)
        for side in ("wrong_as_other", "wrong_as_virus"):
            self.assertLessEqual(figures[side], 0.02)
            self.assertGreater(figures[side], 0.015)

    def test_equal_scores_are_decided_together(self) -> None:
        scores = np.array([0.2] * 50 + [0.7] * 50)
        labels = np.array([0] * 49 + [1] + [1] * 50)
        self.assertEqual(fit_thresholds(scores, labels, np.ones(100), 0.01).others_below, 0.0)
        self.assertEqual(fit_thresholds(scores, labels, np.ones(100), 0.05), Thresholds(0.45, 0.45))

    def test_never_where_no_side_is_sure(self) -> None:
        scores, labels = np.array([0.1, 0.9]), np.array([1, 0])
        found = fit_thresholds(scores, labels, np.ones(2), 0.01)
        self.assertEqual(found, Thresholds(0.0, 1.0))
        figures = decided(scores, labels, np.ones(2), found)
        self.assertEqual(figures["decided"], 0)
        self.assertIsNone(figures["wrong_as_other"])

    def test_sides_that_meet_do_not_cross(self) -> None:
        scores, labels = np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 0, 1, 1])
        found = fit_thresholds(scores, labels, np.ones(4), 0.4)
        self.assertLessEqual(found.others_below, found.virus_at_least)


if __name__ == "__main__":
    unittest.main()
