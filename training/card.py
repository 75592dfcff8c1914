"""
Writes the model card: this folder's card.md, filled with the figures of a run, its calibration and its evaluation.

    python training/card.py --run RUN --data GENOMES --report REPORT --calibration calibration.json --genomes contigs.tsv --out docs/virnucpro-mini.md
"""

import argparse
import csv
import json
import re
from collections import defaultdict
from pathlib import Path

import torch
from evaluation.report_text import METHOD, group_table, level_table, summary_table, triage_words
from evaluation.clade_pairs import MACRO_LEAST
from evaluation.metrics import BINS
from mini.encoders import Pair, PairSizes

HERE = Path(__file__).parent
WINDOWS, CONTIGS = "windows", "contigs of 5000 bases"


def shape_values(run: Path) -> dict[str, object]:
    best = torch.load(run / "best.pt", weights_only=True)
    pair = Pair(PairSizes.of(best["sizes"]))
    values: dict[str, object] = {"hidden": pair.sizes.hidden}
    for name, module in (("dna", pair.dna), ("protein", pair.protein)):
        sizes = dict(best["sizes"][name])
        sizes["layers"] = f"{sizes['layers']} layer" + ("" if sizes["layers"] == 1 else "s")
        values |= {f"{name}.{key}": value for key, value in sizes.items()}
    exported = {
        "dna": sum(one.numel() for one in pair.dna.layers.parameters()) + pair.dna.word_embeddings.alone.weight.numel(),
        "protein": sum(one.numel() for one in pair.protein.parameters()),
        "classifier": sum(one.numel() for one in pair.classifier.parameters()),
    }
    return values | {f"{name}.parameters": f"{count:,}" for name, count in exported.items()}


def frames_seen(runs: list[Path]) -> int:
    """From the reports in the runs' logs: steps times the frames of a step."""
    total = 0
    for run in runs:
        lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
        sizes = [line for line in lines if line["stage"] == "sizes"]
        for stage, frames in (("tokens", "tokensBatch"), ("pretraining", "batch"), ("training", "batch")):
            steps = [line["step"] for line in lines if line["stage"] == stage]
            total += max(steps, default=0) * sizes[-1][frames]
    return total


def data_values(data: Path) -> dict[str, object]:
    counts, bases = defaultdict(int), defaultdict(int)
    with open(data / "manifest.tsv", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            key = f"{row['split']}.{row['class']}"
            counts[key] += 1
            bases[key] += int(row["length"])
    values: dict[str, object] = {f"data.{key}": f"{count:,}" for key, count in counts.items()}
    return values | {f"data.{key}_bases": f"{count / 1e6:.0f}" for key, count in bases.items()}


def report_values(report: dict) -> dict[str, object]:
    levels = {level["name"]: level for level in report["levels"]}
    names = report["sets"]
    return {
        "first": names[0],
        "summary": summary_table(report),
        "windows": level_table(levels[WINDOWS], names),
        "contigs": level_table(levels[CONTIGS], names),
        "groups": group_table(levels[WINDOWS], names),
        "method": METHOD.format(draws=report["draws"], least=MACRO_LEAST, bins=BINS).split("\n", 2)[2],
        "verdict": verdict(levels, names),
        "triage.figures": triage_words(names[0], levels[WINDOWS]["sets"][names[0]]["triage"]),
    }


def verdict(levels: dict[str, dict], names: list[str]) -> str:
    """A sentence for each level: whether the pair is above the trees, and by how much."""
    words = []
    for level in (WINDOWS, CONTIGS):
        of, trees = (levels[level]["sets"][name]["pooled"][0] for name in names[:2])
        low, high = levels[level]["sets"][names[1]]["first_minus_this"]["pooled"][1:]
        side = "above" if of > trees else "below"
        words.append(
            f"On {level} the pair is {side} the trees: AUROC {of:.3f} against {trees:.3f} "
            f"(95 % interval of the difference {low:+.3f} to {high:+.3f})."
        )
    of, trees = (levels[CONTIGS]["sets"][name]["auroc_of"]["mean_log_odds"] for name in names[:2])
    words.append(f"By the column `mean_log_odds` it is {of:.3f} against {trees:.3f}.")
    return " ".join(words)


def genome_table(contigs: Path) -> str:
    with open(contigs, newline="") as file:
        next(file)
        rows = list(csv.DictReader(file, delimiter="\t"))
    lines = ["| genome | windows | scored | virus | mean score | verdict |", "| --- | --: | --: | --: | --: | --- |"]
    for row in rows:
        score = f"{float(row['mean_virus_score']):.2f}" if row["mean_virus_score"] else ""
        cells = [row["contig"], row["windows"], row["windows_scored"], row["windows_virus"], score, row["verdict"]]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, action="append", required=True, help="folders of train.py whose frames are counted, that of the model last")
    parser.add_argument("--data", type=Path, required=True, help="folder of genomes")
    parser.add_argument("--report", type=Path, required=True, help="folder of evaluate.py report")
    parser.add_argument("--calibration", type=Path, required=True, help="calibration.json of evaluate.py calibrate")
    parser.add_argument("--genomes", type=Path, required=True, help="contigs.tsv of whole genomes")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    calibration = json.loads(arguments.calibration.read_text())
    values = {
        **shape_values(arguments.run[-1]),
        **data_values(arguments.data),
        **report_values(json.loads((arguments.report / "report.json").read_text())),
        "frames": f"{frames_seen(arguments.run):,}",
        "temperature": calibration["temperature"],
        "triage.othersBelow": calibration["triage"][0]["othersBelow"],
        "triage.virusAtLeast": calibration["triage"][0]["virusAtLeast"],
        "genomes": genome_table(arguments.genomes),
    }
    template = (HERE / "card.md").read_text()
    arguments.out.write_text(re.sub(r"\{([a-zA-Z._]+)\}", lambda name: str(values[name[1]]), template))


if __name__ == "__main__":
    main()
