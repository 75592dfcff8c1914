"""A window's score from the scores of its frames."""

import numpy as np


def deciding_frames(virus: np.ndarray, window: np.ndarray, windows: int) -> tuple[np.ndarray, np.ndarray]:
    """
    As in the product: the frame with the highest score of either class decides; a tie goes to virus, then to the first
    frame.

    @param virus: [frames], 0 to 1; the score of the other class is the complement
    @param window: int [frames], ascending: the window of a frame
    @param windows: number of windows, with or without frames
    @returns score float64 [windows], NaN without a frame, and the index of the deciding frame, or -1
    """
    certain = np.maximum(virus, 1 - virus)
    order = np.lexsort((np.arange(len(virus)), -virus, -certain, window))
    first = np.ones(len(order), dtype=bool)
    first[1:] = window[order][1:] != window[order][:-1]
    chosen = order[first]
    scores, frames = np.full(windows, np.nan), np.full(windows, -1)
    scores[window[chosen]] = virus[chosen]
    frames[window[chosen]] = chosen
    return scores, frames


def mean_of_frames(virus: np.ndarray, window: np.ndarray, windows: int) -> tuple[np.ndarray, np.ndarray]:
    """Like `deciding_frames`, but with the mean over a window's frames as its score."""
    _, frames = deciding_frames(virus, window, windows)
    counts = np.bincount(window, minlength=windows)
    sums = np.bincount(window, weights=virus, minlength=windows)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan), frames
