"""Artificial sequences: genes are found, chains keep to what they learned, and copies are noticed."""

import unittest

import numpy as np

import examples
from examples import Example
from mini.artificial import BaseChain, CodonChain, OpenFrame, likely_genes, outside, reverse_complement, words
from mini.corpus import Record
from mini.genetic_code import OTHER_BASE, base_codes, base_letters

GENE = "ATG" + "GCTGAA" * 20 + "TAA"


def codes(letters: str) -> np.ndarray:
    return base_codes(letters.encode())


class Genes(unittest.TestCase):
    def test_are_found_on_both_strands(self) -> None:
        other = base_letters(reverse_complement(codes(GENE)))
        found = likely_genes(codes("CC" + GENE + "TTTTT" + other), 41)
        places = sorted((one.start, one.end) for one in found)
        self.assertEqual(places, [(2, 2 + len(GENE)), (7 + len(GENE), 7 + 2 * len(GENE))])
        self.assertTrue((found[0].codons == found[1].codons).all())
        self.assertEqual((len(found[0].codons), found[0].codons[0]), (42, 14))

    def test_are_long_and_closed_and_known(self) -> None:
        self.assertEqual(likely_genes(codes(GENE), 42), [])
        self.assertEqual(likely_genes(codes(GENE[:-3]), 41), [])
        self.assertEqual(likely_genes(codes(GENE[:60] + "N" + GENE[61:]), 41), [])

    def test_leave_the_rest(self) -> None:
        bases = codes("CC" + GENE + "TTTTT")
        rest = outside(bases, likely_genes(bases, 41))
        self.assertEqual(base_letters(rest), "CC" + "N" * len(GENE) + "TTTTT")


class Chains(unittest.TestCase):
    def test_of_codons_have_no_stop_before_the_end(self) -> None:
        random = np.random.default_rng(1)
        gene = CodonChain(likely_genes(codes(GENE), 41)).gene(200, random)
        [found] = likely_genes(gene, 200)
        self.assertEqual((found.start, found.end, len(gene)), (0, 606, 606))
        # Only what was seen: mostly alanine and glutamic acid alternating.
        pairs = {(a, b) for a, b in zip(found.codons[1:-1], found.codons[2:-1])}
        self.assertLessEqual(set(found.codons[1:-1]), {0b100111, 0b100000})
        self.assertIn((0b100111, 0b100000), pairs)

    def test_of_codons_need_genes(self) -> None:
        with self.assertRaises(ValueError):
            CodonChain([])

    def test_of_bases_follow_what_they_learned(self) -> None:
        letters = base_letters(BaseChain([codes("ACGGT" * 4000)]).bases(500, np.random.default_rng(1)))
        self.assertGreater(letters.count("ACGGT"), 90)

    def test_are_the_same_by_the_same_seed(self) -> None:
        chain = CodonChain([OpenFrame(0, 9, np.array([14, 3, 7, 14, 3, 48], dtype=np.uint8))])
        one, other = (chain.gene(30, np.random.default_rng(5)) for _ in range(2))
        self.assertTrue((one == other).all())


class Copies(unittest.TestCase):
    def test_words_are_stretches_of_32_bases(self) -> None:
        bases = np.random.default_rng(2).integers(0, 4, 40).astype(np.uint8)
        self.assertEqual(len(words(bases)), 9)
        self.assertEqual(int(words(bases)[3]), int("".join(map(str, bases[3:35])), 4))
        self.assertEqual(len(words(np.full(33, OTHER_BASE, dtype=np.uint8))), 2)

    def test_of_either_strand_are_noticed(self) -> None:
        bases = np.random.default_rng(3).integers(0, 4, 500).astype(np.uint8)
        record = Record("real", 0, "train", "x", "x", bases)
        random = base_letters(np.random.default_rng(4).integers(0, 4, 100).astype(np.uint8))
        copied = base_letters(reverse_complement(bases)[200:232])
        examples.check_invented([Example("invented", "", random), Example("gap", "", "N" * 50)], [record])
        with self.assertRaises(SystemExit):
            examples.check_invented([Example("copied", "", random + copied)], [record])


if __name__ == "__main__":
    unittest.main()
