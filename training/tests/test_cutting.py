"""What is cut from records, and that results are matched to it by their ids."""

import gzip
import tempfile
import unittest
from pathlib import Path

import numpy as np

from evaluation import result_files
from evaluation.cutting import choose_contigs, contig_places, cut
from evaluation.frame_blocks import frame_blocks
from evaluation.result_files import ResultWriter
from evaluation.sequences import CONTIGS, WHOLE, read_sequences
from evaluation.window_scores import deciding_frames
from mini.corpus import Record, read_fasta
from mini.genetic_code import base_codes


def make_record(name: str, bases: int, label: int, clade: str) -> Record:
    random = np.random.default_rng(bases)
    return Record(name, label, "test", clade, clade, random.integers(0, 4, bases).astype(np.uint8))


class Contigs(unittest.TestCase):
    def test_lie_one_behind_the_other(self) -> None:
        self.assertEqual(list(contig_places(3500, 1000)), [0, 1000, 2000])
        self.assertEqual(list(contig_places(999, 1000)), [])
        self.assertEqual(list(contig_places(1000, 1000)), [0])

    def test_a_clade_gives_at_most_so_many_and_always_the_same(self) -> None:
        records = [make_record("a", 9000, 1, "x"), make_record("b", 4000, 1, "x"), make_record("c", 2500, 0, "y")]
        chosen = choose_contigs(records, 1000, 5, 1)
        self.assertEqual(chosen, choose_contigs(records, 1000, 5, 1))
        self.assertEqual(chosen, sorted(set(chosen)))
        self.assertEqual(sum(position < 2 for position, _ in chosen), 5)
        self.assertEqual([one for one in chosen if one[0] == 2], [(2, 0), (2, 1000)])


class Files(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        data = self.folder / "data"
        data.mkdir()
        random = np.random.default_rng(5)
        rows = ["id\tclass\tsplit\tgroup\ttaxon_key"]
        for name, group in (("virus", "Xviridae?"), ("other", "bacteria")):
            with gzip.open(data / f"{name}_test.fa.gz", "wt") as file:
                for number in range(3):
                    letters = "".join(random.choice(list("ACGTRn"), 2600, p=[0.25, 0.25, 0.24, 0.24, 0.01, 0.01]))
                    file.write(f">{name}{number}:1-2600 words\n{letters[:1300]}\n{letters[1300:]}\n")
                    rows.append(f"{name}{number}:1-2600\t{name}\ttest\t{group}\tgenus{number}")
        (data / "manifest.tsv").write_text("\n".join(rows) + "\n")
        self.cut = self.folder / "cut"
        cut(data, "test", self.cut, 2, 1, (1000,))

    def test_contigs_are_the_letters_of_their_records(self) -> None:
        whole = dict(read_fasta(self.cut / "whole.fa"))
        contigs = dict(read_fasta(self.cut / "contigs.fa"))
        known = read_sequences(self.cut)
        self.assertEqual(sorted(known[WHOLE]), sorted(whole))
        self.assertEqual(sorted(known[CONTIGS]), sorted(contigs))
        # Two of the only viral family, two of each bacterial genus.
        self.assertEqual(len(contigs), 8)
        for name, letters in contigs.items():
            contig = known[CONTIGS][name]
            self.assertEqual(letters, whole[contig.record][contig.start : contig.start + 1000])
            self.assertEqual(contig.label, int(contig.record.startswith("virus")))
            self.assertEqual(contig.group, "Xviridae" if contig.label else "bacteria")

    def test_results_are_read_as_they_were_written(self) -> None:
        records = [
            Record(name, 0, "", "", "", base_codes(letters)) for name, letters in read_fasta(self.cut / "whole.fa")
        ]
        records.append(Record("closed", 0, "", "", "", base_codes(b"TAATTAATTAA" * 50)))
        block = next(frame_blocks(records, 100))
        virus = np.random.default_rng(1).random(len(block.table))
        out = self.folder / "scores"
        writer = ResultWriter(out, "any", 100, deciding_frames)
        writer.write(block, virus)
        writer.close()
        frames = result_files.read_frames(out)
        np.testing.assert_array_equal(frames.virus.astype(np.float32), virus.astype(np.float32))
        windows, contigs = result_files.read_windows(out), result_files.read_contigs(out)
        self.assertEqual(set(frames.windows()), set(windows.ids))
        self.assertEqual(contigs.unscored, ["closed"])
        self.assertEqual(result_files.read_longest_window(out), 100)
        of_record: dict[str, list[float]] = {}
        for window, score in zip(windows.ids, windows.scores["virus_score"]):
            of_record.setdefault(result_files.record_of(window), []).append(score)
        for name, mean, most, odds in zip(contigs.ids, *contigs.scores.values()):
            scores = np.array(of_record[name])
            self.assertAlmostEqual(mean, scores.mean(), places=6)
            self.assertEqual(most, scores.max())
            self.assertAlmostEqual(odds, np.log(scores / (1 - scores)).mean(), places=4)


if __name__ == "__main__":
    unittest.main()
