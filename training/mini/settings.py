"""The options of train.py."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch

from .encoders import PairSizes, Sizes


@dataclass(frozen=True)
class Settings:
    data: Path
    out: Path
    seed: int
    sizes: PairSizes
    teacher_steps: int
    token_steps: int
    pretraining_steps: int
    steps: int
    batch: int
    learning_rate: float
    weight_decay: float
    dropout: float
    input_dropout: float
    classifier_dropout: float
    taught_share: float
    errors: float
    report_every: int
    validation_stride: int
    device: str
    processes: int
    all_clades: bool


def parse_sizes(text: str) -> Sizes:
    """`layers,width,heads,feed_forward`"""
    return Sizes(*(int(part) for part in text.split(",")))


def read_settings(words: list[str], description: str | None) -> Settings:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of genomes, see README.md")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dna", type=parse_sizes, default=Sizes(1, 256, 8, 256), help="layers,width,heads,feed_forward")
    parser.add_argument("--protein", type=parse_sizes, default=Sizes(1, 96, 3, 384), help="the same of the protein encoder")
    parser.add_argument("--hidden", type=int, default=2048, help="width of the classifier's hidden layer")
    parser.add_argument("--teacher-steps", type=int, default=8000)
    parser.add_argument("--token-steps", type=int, default=3600)
    parser.add_argument("--pretraining-steps", type=int, default=300)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch", type=int, default=128, help="frames a step")
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--input-dropout", type=float, default=0.0, help="of the embeddings that the classifier reads")
    parser.add_argument("--classifier-dropout", type=float, default=0.0)
    parser.add_argument("--taught-share", type=float, default=0.9, help="weight of the teachers beside the labels")
    parser.add_argument("--errors", type=float, default=0.02, help="the largest rate of substitutions")
    parser.add_argument("--report-every", type=int, default=100, help="steps")
    parser.add_argument("--validation-stride", type=int, default=4, help="every how manieth window is measured")
    parser.add_argument("--all-clades", action="store_true", help="train on the validation clades too")
    parser.add_argument("--processes", type=int, default=1, help="on a CPU one a core")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    values = vars(parser.parse_args(words))
    sizes = PairSizes(values.pop("dna"), values.pop("protein"), values.pop("hidden"))
    return Settings(sizes=sizes, **values)
