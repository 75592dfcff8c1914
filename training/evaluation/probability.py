"""Log odds of virus against other, the corresponding probabilities, and how to scale them."""

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit

SMALLEST = 1e-45
"""The smallest score that float32 has: replaces those that were rounded to 0."""
TEMPERATURES = (0.05, 20.0)


def virus_probability(log_odds: np.ndarray) -> np.ndarray:
    """float64, 0 to 1."""
    return expit(log_odds)


def log_odds_of(others: np.ndarray, virus: np.ndarray) -> np.ndarray:
    """float64: ln virus - ln others of a frame's two scores, which stays exact if one was rounded to 1."""
    return np.log(np.maximum(virus, SMALLEST)) - np.log(np.maximum(others, SMALLEST))


def negative_log_likelihood(log_odds: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """Weighted mean, natural logarithm. @param labels: 1 where it is virus"""
    losses = np.logaddexp(0.0, np.where(labels == 1, -log_odds, log_odds))
    return float((weights * losses).sum() / weights.sum())


def fit_temperature(log_odds: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """The temperature that minimises `negative_log_likelihood` when the log odds are divided by it."""

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(log_odds / np.exp(log_temperature), labels, weights)

    found = minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def fit_line(log_odds: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """(slope, offset) that minimise `negative_log_likelihood` of slope * log_odds + offset."""
    spread = max(float(np.std(log_odds)), 1e-12)

    def loss(line: np.ndarray) -> float:
        return negative_log_likelihood(line[0] * log_odds / spread + line[1], labels, weights)

    found = minimize(loss, [1.0, 0.0], method="BFGS")
    return float(found.x[0] / spread), float(found.x[1])
