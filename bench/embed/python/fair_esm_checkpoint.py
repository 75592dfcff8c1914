"""Writes a model's ESM-2 as a checkpoint of fair-esm, with the regression weights that are loaded with it.

python fair_esm_checkpoint.py FOLDER NAME     reads FOLDER/protein.pt, writes FOLDER/NAME.pt, once
"""

import json
import sys
from argparse import Namespace
from pathlib import Path

import esm
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / 'compare' / 'python'))
from archive import FAIR_ESM, load_parameters, open_archive, renamed_parameters  # noqa: E402

REGRESSION = 'contact_head.regression.'


def write(folder: Path, name: str) -> None:
    module, sizes = open_archive(folder / 'protein.pt')
    model = esm.ESM2(sizes['layers'], sizes['width'], sizes['heads'])
    load_parameters(model, renamed_parameters(module, FAIR_ESM), unused=('lm_head.', 'contact_head.'))
    state = model.state_dict()
    settings = Namespace(
        encoder_layers=sizes['layers'],
        encoder_embed_dim=sizes['width'],
        encoder_attention_heads=sizes['heads'],
        token_dropout=True,
    )
    regression = {key: value for key, value in state.items() if key.startswith(REGRESSION)}
    torch.save({'model': regression}, folder / f'{name}-contact-regression.pt')
    others = {key: value for key, value in state.items() if not key.startswith(REGRESSION)}
    torch.save({'cfg': {'model': settings}, 'model': others}, folder / f'{name}.pt')


if __name__ == '__main__':
    target = Path(sys.argv[1]) / f'{sys.argv[2]}.pt'
    if not target.exists():
        write(Path(sys.argv[1]), sys.argv[2])
    print(json.dumps(str(target)))
