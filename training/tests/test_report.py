"""The report and the calibration of made-up scores, through the command line."""

import contextlib
import io
import json
import tempfile
import unittest
import xml.dom.minidom
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from evaluation.command_line import main
from evaluation.result_files import CONTIG_COLUMNS, FRAME_COLUMNS, WINDOW_COLUMNS
from evaluation.sequences import CONTIGS, WHOLE, Sequence, write_sequences

LENGTHS = (1000, 5000)


def write_table(path: Path, columns: tuple[str, ...], rows: list[dict], comment: str) -> None:
    lines = ["\t".join(columns), *("\t".join(str(row.get(name, "")) for name in columns) for row in rows)]
    path.write_text(comment + "\n".join(lines) + "\n")


class Commands(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.cut = self.folder / "cut"
        self.cut.mkdir()
        sequences = []
        for label in (0, 1):
            for number in range(40):
                truth = (label, f"{'ov'[label]}{number % 2}", f"{'ov'[label]}{number % 4}")
                sequences.append(Sequence(f"r{label}:{number}", WHOLE, 900, *truth, f"r{label}:{number}", 0))
                for length in LENGTHS:
                    name = f"r{label}:{number}_at_0_of_{length}"
                    sequences.append(Sequence(name, CONTIGS, length, *truth, f"r{label}:{number}", 0))
        self.sequences = sequences
        write_sequences(self.cut / "sequences.tsv", sequences)
        self.choose("validation")

    def choose(self, split: str) -> None:
        choice = {"split": split, "lengths": LENGTHS, "most_per_clade": 9, "seed": 1}
        (self.cut / "cut.json").write_text(json.dumps(choice))

    def write_scores(self, name: str, sharpness: float, seed: int, temperature: float = 1.0, missing: str = "") -> Path:
        """Scores that are calibrated if `sharpness` is 1: two windows a sequence, two frames a window."""
        random = np.random.default_rng(seed)
        for file in (WHOLE, CONTIGS):
            folder = self.folder / name / file
            folder.mkdir(parents=True)
            frames, windows, contigs = [], [], []
            for one in self.sequences:
                if one.file != file or one.id == missing:
                    continue
                scores = []
                for number in (1, 2):
                    odds = random.normal(one.label - 0.5, 1, 2) * sharpness / temperature
                    virus = np.float32(1 / (1 + np.exp(-odds)))
                    for frame, score in zip(("F1", "R2"), virus):
                        identifier = f"{one.id}_chunk_{number}{frame}"
                        frames.append({"Sequence_ID": identifier, "score1": np.float32(1 - score), "score2": score})
                    scores.append(virus[np.argmax(np.abs(odds))])
                    place = {"contig": one.id, "window": number, "start": 400 * number - 400, "end": 400 * number + 100}
                    windows.append({**place, "virus_score": scores[-1]})
                windows.append({"contig": one.id, "window": 3, "start": 800, "end": 900})
                odds = np.mean(np.log(np.array(scores) / (1 - np.array(scores))))
                values = {"mean_virus_score": np.mean(scores), "max_virus_score": max(scores), "mean_log_odds": odds}
                contigs.append({"contig": one.id, **values})
            write_table(folder / "prediction_results.txt", FRAME_COLUMNS, frames, "")
            write_table(folder / "windows.tsv", WINDOW_COLUMNS, windows, "# words\n")
            write_table(folder / "contigs.tsv", CONTIG_COLUMNS, contigs, "# words\n")
            (folder / "run.json").write_text(json.dumps({"parameters": {"temperature": temperature}}))
        return self.folder / name

    def run_command(self, *words: str | Path) -> str:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            main([str(word) for word in words])
        return said.getvalue()

    def report(self, *words: str | Path) -> dict:
        self.run_command("report", "--cut", self.cut, "--out", self.folder / "report", *words)
        return json.loads((self.folder / "report" / "report.json").read_text())

    def test_sets_are_compared_on_the_same_sequences(self) -> None:
        one = self.write_scores("one", 1, 1)
        two = self.write_scores("two", 1, 2, missing="r1:3")
        report = self.report("--scores", f"one={one}", "--scores", f"two={two}")
        levels = {level["name"]: level for level in report["levels"]}
        self.assertEqual(list(levels), ["frames", "windows", "contigs of 1000 bases", "contigs of 5000 bases"])
        self.assertEqual([levels["frames"][key] for key in ("virus", "other", "left_out")], [156, 160, 4])
        self.assertEqual([levels["windows"][key] for key in ("virus", "other", "left_out")], [78, 80, 2])
        self.assertEqual(levels["windows"]["sets"]["one"]["unscored"], 80)
        rows = [line.split("\t") for line in (one / WHOLE / "prediction_results.txt").read_text().splitlines()[1:]]
        kept = [(row[0].startswith("r1"), float(row[3])) for row in rows if not row[0].startswith("r1:3_")]
        self.assertAlmostEqual(levels["frames"]["sets"]["one"]["pooled"][0], roc_auc_score(*zip(*kept)), places=9)
        for level in report["levels"]:
            value, low, high = level["sets"]["one"]["pooled"]
            self.assertTrue(low <= value <= high, level["name"])
            first, second = (level["sets"][name]["pooled"][0] for name in ("one", "two"))
            self.assertAlmostEqual(level["sets"]["two"]["first_minus_this"]["pooled"][0], first - second)

    def test_text_and_plot(self) -> None:
        one = self.write_scores("one", 1, 1)
        self.report("--scores", f"one={one}")
        text = (self.folder / "report" / "report.md").read_text()
        self.assertIn("80 of viruses (4 clades) and 80 others (4 clades): prevalence 0.500.", text)
        tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
        self.assertGreaterEqual(len(tables), 6)
        for table in tables:
            self.assertEqual(len({line.replace("\\|", "").count("|") for line in table}), 1)
        plot = xml.dom.minidom.parse(str(self.folder / "report" / "reliability.svg"))
        self.assertEqual(len([one for one in plot.getElementsByTagName("path") if one.getAttribute("stroke-width")]), 3)

    def test_calibration_is_found_and_makes_the_same_of_calibrated_scores(self) -> None:
        raw = self.write_scores("raw", 3, 1)
        half = self.write_scores("half", 3, 1, temperature=2)
        found = []
        for folder in (raw, half):
            out = self.folder / "calibration.json"
            self.run_command("calibrate", "--cut", self.cut, "--scores", folder, "--error", "0.1", "--out", out)
            found.append(json.loads(out.read_text()))
        self.assertAlmostEqual(found[0]["temperature"], 3, delta=0.7)
        self.assertAlmostEqual(found[1]["temperature"], found[0]["temperature"], places=3)
        (entry,) = found[0]["triage"]
        self.assertEqual(list(entry), ["chunkSize", "othersBelow", "virusAtLeast"])
        self.assertEqual(entry["chunkSize"], 500)
        self.assertTrue(0 < entry["othersBelow"] < entry["virusAtLeast"] < 1)
        report = self.report("--scores", f"raw={raw}", "--calibration", out)
        self.assertIn("triage", report["levels"][1]["sets"]["raw"])

    def test_the_test_split_calibrates_nothing(self) -> None:
        folder = self.write_scores("raw", 3, 1)
        self.choose("test")
        with self.assertRaisesRegex(SystemExit, "validation"):
            self.run_command("calibrate", "--cut", self.cut, "--scores", folder, "--out", self.folder / "c.json")


if __name__ == "__main__":
    unittest.main()
