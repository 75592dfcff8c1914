"""The commands of evaluate.py."""

import argparse
from pathlib import Path

from .cutting import cut


def main(words: list[str] | None = None) -> None:
    """Runs one command. @param words: of the command line; those of the process when absent."""
    parser = argparse.ArgumentParser(description="Evaluation of models on clades that they were not trained on")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_cut(commands)
    arguments = parser.parse_args(words)
    arguments.run(arguments)


def _add_cut(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("cut", help="FASTA files of a split: whole records, and contigs of 1, 3, 5 and 10 kb")
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.tsv and the FASTA files")
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--most", type=int, default=100, help="contigs of one length a clade, chosen by chance; default 100")
    parser.add_argument("--seed", type=int, default=1)
    parser.set_defaults(run=lambda words: cut(words.data, words.split, words.out, words.most, words.seed))
