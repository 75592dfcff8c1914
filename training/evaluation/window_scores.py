"""One score for a window from those of its frames."""

import numpy as np


def deciding_frames(virus: np.ndarray, window: np.ndarray, windows: int) -> tuple[np.ndarray, np.ndarray]:
    """
    What the product does: the frame with the highest score of either class decides, a tie goes to virus, then to the
    frame that comes first.

    @param virus: [frames], 0 to 1; that of the other class is the rest
    @param window: int [frames], rising: the window of a frame
    @param windows: how many there are, with frames or without
    @returns score float64 [windows], NaN where there is no frame, and the position of the deciding frame, or -1
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
    """Like `deciding_frames`, with the mean over a window's frames as its score."""
    _, frames = deciding_frames(virus, window, windows)
    counts = np.bincount(window, minlength=windows)
    sums = np.bincount(window, weights=virus, minlength=windows)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan), frames
