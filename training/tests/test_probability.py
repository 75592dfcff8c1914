"""Temperatures, lines and Markov chains, on made-up data with known answers."""

import unittest

import numpy as np
from sklearn.linear_model import LogisticRegression

from evaluation.markov import WORD, Markov, count_words, next_base_logs, reversed_words
from evaluation.probability import fit_line, fit_temperature, log_odds_of, negative_log_likelihood
from mini.corpus import Record
from mini.frames import kept_frames
from mini.genetic_code import base_codes


def overconfident(temperature: float, items: int = 100_000) -> tuple[np.ndarray, np.ndarray]:
    """Log odds that are too large by a factor, and labels."""
    random = np.random.default_rng(2)
    odds = random.normal(0, 2, items)
    return odds * temperature, (random.random(items) < 1 / (1 + np.exp(-odds))).astype(int)


class Scaling(unittest.TestCase):
    def test_finds_the_temperature(self) -> None:
        for temperature in (0.5, 1.0, 3.0):
            odds, labels = overconfident(temperature)
            found = fit_temperature(odds, labels, np.ones(len(labels)))
            self.assertAlmostEqual(found / temperature, 1.0, delta=0.03)

    def test_is_at_a_minimum(self) -> None:
        odds, labels = overconfident(2.0, 2000)
        weights = np.random.default_rng(1).random(2000)
        found = fit_temperature(odds, labels, weights)
        best = negative_log_likelihood(odds / found, labels, weights)
        for factor in (0.99, 1.01):
            self.assertGreater(negative_log_likelihood(odds / (found * factor), labels, weights), best)

    def test_line_is_that_of_logistic_regression(self) -> None:
        odds, labels = overconfident(40.0, 3000)
        weights = np.random.default_rng(4).random(3000) + 0.5
        reference = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(odds[:, None], labels, weights)
        slope, offset = fit_line(odds + 0.0, labels, weights)
        self.assertAlmostEqual(slope / reference.coef_[0, 0], 1.0, places=3)
        self.assertAlmostEqual(offset, reference.intercept_[0], places=3)

    def test_log_odds_stay_exact_where_a_score_is_rounded_to_one(self) -> None:
        np.testing.assert_allclose(log_odds_of(np.array([1e-9]), np.array([1.0])), [np.log(1e9)])
        self.assertTrue(np.isfinite(log_odds_of(np.array([0.0, 1.0]), np.array([1.0, 0.0]))).all())


class Chains(unittest.TestCase):
    def test_words_of_letters_that_are_no_bases_are_passed_over(self) -> None:
        self.assertEqual(count_words(base_codes(b"ACGTACGTA")).sum(), 2)
        self.assertEqual(count_words(base_codes(b"ACGTNACGTACGT")).sum(), 1)
        self.assertEqual(count_words(base_codes(b"ACGT")).sum(), 0)

    def test_reverse_complement(self) -> None:
        letters = base_codes(b"ACCGTTGAGGCATTACGG")
        there, back = count_words(letters), count_words(3 - letters[::-1])
        np.testing.assert_array_equal(there[reversed_words()], back)

    def test_probabilities_of_the_next_base_add_up(self) -> None:
        logs = next_base_logs(np.random.default_rng(1).random(4**WORD))
        np.testing.assert_allclose(np.exp(logs).reshape(-1, 4).sum(axis=1), 1)

    def test_tells_two_compositions_apart_on_both_strands_alike(self) -> None:
        random = np.random.default_rng(3)
        shares = ([0.35, 0.15, 0.15, 0.35], [0.2, 0.3, 0.3, 0.2])
        records = [
            Record(str(label), label, "train", "any", "any", random.choice(4, 300_000, p=share).astype(np.uint8))
            for label, share in enumerate(shares)
        ]
        chains = Markov.train(records)
        for label, share in enumerate(shares):
            bases = random.choice(4, 30_000, p=share).astype(np.uint8)
            starts = np.arange(0, 30_000, 60)
            odds = chains.log_odds(kept_frames(bases, starts, np.full(len(starts), 60)))
            self.assertGreater((odds > 0).mean() if label else (odds < 0).mean(), 0.7)
        # The strands differ only by one base more or less at an end of a frame.
        bases = base_codes(b"ATGGCCAAATTCGGCAACCTGCGTTGG")
        forward = chains.log_odds(kept_frames(bases, [0], [27]))[0]
        backward = kept_frames(3 - bases[::-1], [0], [27])
        of_reverse = chains.log_odds(backward)[list(backward.frame).index(3)]
        self.assertAlmostEqual(forward, of_reverse, places=9)


if __name__ == "__main__":
    unittest.main()
