"""Evaluation of trained models on held-out clades; see `python evaluate.py --help`."""

import os

# Two libraries start threads as soon as they are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from evaluation.command_line import main  # noqa: E402

if __name__ == "__main__":
    main()
