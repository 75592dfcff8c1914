"""The commands of evaluate.py."""

import argparse
import json
from pathlib import Path

from .baselines import score_baselines, train_baselines
from .calibration import calibrate
from .comparison import compare
from .cutting import cut
from .reliability_plot import reliability_plot
from .report_text import report_text
from .triage_thresholds import Thresholds


def main(words: list[str] | None = None) -> None:
    """Runs one command. @param words: command line arguments; by default those of the process"""
    parser = argparse.ArgumentParser(description="Evaluation of models on clades that they were not trained on")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_cut(commands)
    _add_baselines(commands)
    _add_report(commands)
    _add_calibrate(commands)
    arguments = parser.parse_args(words)
    arguments.run(arguments)


def _add_cut(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("cut", help="FASTA files of a split: whole records, and contigs of 1, 3, 5 and 10 kb")
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.tsv and the FASTA files")
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--most", type=int, default=100, help="contigs of one length a clade, chosen by chance; default 100"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.set_defaults(run=lambda words: print(cut(words.data, words.split, words.out, words.most, words.seed)))


def _add_baselines(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("baselines", help="train the Markov chains and the trees, score cut files with them")
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.tsv and the FASTA files")
    parser.add_argument("--models", type=Path, required=True, help="where the trained baselines are, or will be")
    parser.add_argument("--cut", type=Path, help="folder that `cut` wrote; only training when absent")
    parser.add_argument("--out", type=Path, help="gets the folders markov, trees and trees-mean")
    parser.add_argument("--window", type=int, default=500, help="bases; default 500")
    parser.add_argument("--all-clades", action="store_true", help="train on validation clades, too, once all is chosen")
    parser.set_defaults(run=_baselines)


def _baselines(words: argparse.Namespace) -> None:
    if (words.cut is None) != (words.out is None):
        raise SystemExit("Expected --cut and --out together, or none of them.")
    markov, trees = train_baselines(words.data, words.window, words.models, words.all_clades)
    if words.cut is not None:
        score_baselines(markov, trees, words.cut, words.window, words.out)


def _add_report(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "report", help="figures of scores side by side: report.json, report.md, reliability.svg"
    )
    parser.add_argument("--cut", type=Path, required=True, help="folder that `cut` wrote")
    parser.add_argument(
        *("--scores", "-s"),
        action="append",
        required=True,
        metavar="NAME=DIR",
        help="folder with the folders `whole` and `contigs`, each with the result files of one run; the first of "
        "several is the one that the others are compared with",
    )
    parser.add_argument("--calibration", type=Path, help="calibration.json of the first set: its triage is measured")
    parser.add_argument("--window", type=int, default=500, help="bases: which triage thresholds; default 500")
    parser.add_argument("--out", type=Path, required=True)
    parser.set_defaults(run=_report)


def _report(words: argparse.Namespace) -> None:
    sets: dict[str, Path] = {}
    for given in words.scores:
        name, sign, folder = given.partition("=")
        if not (name and sign and folder) or name in sets:
            raise SystemExit(f"Expected NAME=DIR with a name of its own for --scores but received {given}.")
        sets[name] = Path(folder)
    triage = None if words.calibration is None else _thresholds(words.calibration, words.window)
    report = compare(words.cut, sets, triage)
    words.out.mkdir(parents=True, exist_ok=True)
    (words.out / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    (words.out / "report.md").write_text(report_text(report))
    (words.out / "reliability.svg").write_text(reliability_plot(report))
    print(f"Wrote report.json, report.md and reliability.svg into {words.out}")


def _thresholds(path: Path, window: int) -> Thresholds:
    for entry in json.loads(path.read_text()).get("triage", []):
        if entry["chunkSize"] == window:
            return Thresholds(entry["othersBelow"], entry["virusAtLeast"])
    raise SystemExit(f"Expected triage thresholds for windows of {window} bases in {path} but there are none.")


def _add_calibrate(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "calibrate", help="temperature and triage thresholds, from scores of the validation split"
    )
    parser.add_argument("--cut", type=Path, required=True, help="folder that `cut --split validation` wrote")
    parser.add_argument(
        *("--scores", "-s"),
        type=Path,
        action="append",
        required=True,
        metavar="DIR",
        help="folder with the folder `whole`; once for each window length, the first decides the temperature",
    )
    parser.add_argument("--error", type=float, default=0.01, help="wrong ones among decided windows; default 0.01")
    parser.add_argument("--out", type=Path, required=True, help="calibration.json")
    parser.set_defaults(run=lambda words: print(calibrate(words.cut, words.scores, words.error, words.out)))
