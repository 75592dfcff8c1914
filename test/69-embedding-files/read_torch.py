"""Reads what the test wrote by torch.load, and compares every id and every bit of every number.

read_torch.py FOLDER: see read_embeddings.py. x.pt is one file, sequences/ has one for each sequence.
"""

import json
import pathlib
import sys

import numpy as np
import torch

folder = pathlib.Path(sys.argv[1])
expected = json.loads((folder / "expected.json").read_text())
width, layers, pool, rows = (expected[name] for name in ("width", "layers", "pool", "rows"))
names = ["embedding"] if len(layers) == 1 else [f"layer_{layer}" for layer in layers]
keys = ["id", "record", "token"] if pool == "tokens" else ["id", "length"]
numbers = np.fromfile(folder / "expected.f32", "<u4").reshape(len(layers), len(rows), width)


def bits(tensor):
    assert tensor.dtype == torch.float32 and tensor.is_contiguous() and not tensor.requires_grad
    return tensor.numpy().view("<u4")


for mmap in (False, True):
    content = torch.load(folder / "x.pt", weights_only=True, mmap=mmap)
    assert list(content) == ["metadata", *keys, *names], list(content)
    assert {name: content["metadata"][name] for name in expected["metadata"]} == expected["metadata"]
    columns = [content[key] if isinstance(content[key], list) else content[key].tolist() for key in keys]
    assert [list(row) for row in zip(*columns)] == rows
    for layer, name in enumerate(names):
        assert tuple(content[name].shape) == (len(rows), width)
        assert (bits(content[name]) == numbers[layer]).all()

kind = {"tokens": "representations", "mean": "mean_representations", "cls": "bos_representations"}[pool]
found = []
for path in (folder / "sequences").iterdir():
    content = torch.load(path, weights_only=True)
    assert list(content) == ["label", kind] and list(content[kind]) == layers
    found.append((content["label"], [bits(tensor).tobytes() for tensor in content[kind].values()]))
    shapes = {tuple(tensor.shape) for tensor in content[kind].values()}
    assert len(shapes) == 1 and shapes.pop()[-1] == width
wanted = []
for record, (sequence, length) in enumerate(expected["sequences"], 1):
    mine = [index for index, row in enumerate(rows) if row[1] == record] if pool == "tokens" else [record - 1]
    # Without the tokens that ESM-2 adds at both ends.
    inner = mine[1:-1] if pool == "tokens" else mine
    wanted.append((sequence, [numbers[layer, inner].tobytes() for layer in range(len(layers))]))
assert sorted(found) == sorted(wanted)
print(json.dumps({"torch": torch.__version__, "files": len(found)}))
