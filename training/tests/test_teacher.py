import unittest

import numpy as np
import torch

from mini.teacher import mixed


class Mixed(unittest.TestCase):
    def test_frequencies_still_sum_to_one_and_labels_go_with_the_parts(self) -> None:
        frequencies = torch.zeros(200, 2)
        labels = torch.arange(200).remainder(2).float()
        frequencies[torch.arange(200), labels.long()] = 1.0
        features, wanted = mixed(frequencies.sqrt(), labels, np.random.default_rng(0))
        torch.testing.assert_close((features**2).sum(dim=1), torch.ones(200))
        torch.testing.assert_close(features[:, 1] ** 2, wanted)
        self.assertGreater(((wanted > 0.01) & (wanted < 0.99)).sum().item(), 20)


if __name__ == "__main__":
    unittest.main()
