"""Windows and kept frames compared with the examples that specify the classic pipeline, and windows' scores."""

import unittest

import numpy as np

from evaluation.window_scores import deciding_frames, mean_of_frames
from mini.frames import classic_windows, kept_frames
from mini.genetic_code import ESM_ALPHABET, base_codes, base_letters

WINDOWS = {
    (6, 5): [(0, 5), (2, 4)],
    (11, 5): [(0, 5), (3, 5), (6, 5)],
    (21, 10): [(0, 10), (6, 10), (12, 9)],
    (501, 500): [(0, 500), (250, 251)],
    (999, 500): [(0, 500), (499, 500)],
    (1001, 500): [(0, 500), (333, 500), (666, 335)],
    (1501, 500): [(0, 500), (375, 500), (750, 500), (1125, 376)],
    (500, 500): [(0, 500)],
    (7, 500): [(0, 7)],
    (0, 500): [],
}

FRAMES = {
    "ATGGCCAAAT": "F1 MAK/ATGGCCAAAT; F2 WPN/TGGCCAAAT; F3 GQ/GGCCAAA; R1 IWP/ATTTGGCCAT; R2 FGH/TTTGGCCAT; "
    "R3 LA/TTGGCCA",
    "ATGNNNGCCAAATTT": "F1 MAKF/ATGNNNGCCAAAT; F2 PN/TGNNNGC; F3 QI/GNNNGCC; R1 KFGH/AAATTTGGCNNNC; R2 NL/AATTTGG; "
    "R3 IW/ATTTGGC",
    "TAATAGTGATTACTATCA": "F2 NSDYY/AATAGTGATTACTATC; F3 IVITI/ATAGTGATTACTATCA; R2 DSNHY/GATAGTAATCACTATT; "
    "R3 IVITI/ATAGTAATCACTATTA",
    # A letter that is no base becomes N here; codons do not distinguish them.
    "ATGRCCGGG": "F1 MG/ATGNCCG; F2 P/TGNC; F3 R/GNCC; R1 PH/CCCGGNC; R2 P/CCGG; R3 R/CGGN",
    "ATGCA": "F1 M/ATGC; F2 C/TGCA; F3 A/GCA; R1 C/TGCA; R2 A/GCAT; R3 H/CAT",
    "ATG": "F1 M/ATG; R1 H/CAT",
    "atg": "F1 M/ATG; R1 H/CAT",
    "AT": "",
    "NNNNNNNNN": "",
    "CCAAAG": "F1 PK/CCAAAG; F2 Q/CAAA; F3 K/AAAG; R1 LW/CTTTGG; R2 F/TTTG; R3 L/TTGG",
}


def frames_in_words(letters: str, spans: list[tuple[int, int]]) -> list[str]:
    """For each window, its kept frames in the form of FRAMES."""
    table = kept_frames(base_codes(letters.encode()), [start for start, _ in spans], [length for _, length in spans])
    words: list[list[str]] = [[] for _ in spans]
    for row in range(len(table)):
        name = ("F1", "F2", "F3", "R1", "R2", "R3")[table.frame[row]]
        protein = "".join(ESM_ALPHABET[token] for token in table.protein(row))
        words[table.window[row]].append(f"{name} {protein}/{base_letters(table.dna(row))}")
    return ["; ".join(one) for one in words]


class ClassicExamples(unittest.TestCase):
    def test_windows(self) -> None:
        for (length, window), expected in WINDOWS.items():
            self.assertEqual(classic_windows(length, window), expected, (length, window))

    def test_kept_frames(self) -> None:
        for letters, expected in FRAMES.items():
            spans = classic_windows(len(letters), 500)
            self.assertEqual(frames_in_words(letters, spans), [expected], letters)

    def test_kept_frames_of_two_windows(self) -> None:
        first, second = frames_in_words("ATGGCCAAAG", classic_windows(10, 9))
        self.assertTrue(first.startswith("F1 MAK/ATGGCCAAA; "))
        self.assertEqual(second, FRAMES["CCAAAG"])


class WindowScores(unittest.TestCase):
    virus = np.array([0.6, 0.3, 0.2, 0.8, 0.5])
    window = np.array([0, 0, 2, 2, 3])

    def test_the_most_certain_frame_decides_and_ties_go_to_virus(self) -> None:
        scores, frames = deciding_frames(self.virus, self.window, 5)
        np.testing.assert_array_equal(scores, [0.3, np.nan, 0.8, 0.5, np.nan])
        np.testing.assert_array_equal(frames, [1, -1, 3, 4, -1])

    def test_mean(self) -> None:
        scores, _ = mean_of_frames(self.virus, self.window, 5)
        np.testing.assert_allclose(scores, [0.45, np.nan, 0.5, 0.5, np.nan])


if __name__ == "__main__":
    unittest.main()
