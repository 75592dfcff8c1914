"""Reads what the test wrote with the libraries of Python, and compares every id and every bit of every number.

read_embeddings.py FOLDER: prints, as JSON, the types that each library sees, by file and library.
expected.json in the folder has the rows and the layers, expected.f32 the numbers [layers, rows, width].
"""

import json
import pathlib
import sys

import duckdb
import h5py
import numpy as np
import polars as pl
import pyarrow.ipc
import pyarrow.parquet

folder = pathlib.Path(sys.argv[1])
expected = json.loads((folder / "expected.json").read_text())
width = expected["width"]
layers = expected["layers"]
pool = expected["pool"]
names = ["embedding"] if len(layers) == 1 else [f"layer_{layer}" for layer in layers]
keys = ["id", "record", "token"] if pool == "tokens" else ["id", "length"]
rows = expected["rows"]
numbers = np.fromfile(folder / "expected.f32", "<u4").reshape(len(layers), len(rows), width)
seen = {}


def check(file, library, kind, found_keys, found_vectors):
    """Compares keys, given as columns, and vectors, given as arrays of float32."""
    assert [list(row) for row in zip(*found_keys)] == rows, f"{file}, {library}: other keys: {found_keys}"
    for layer, vectors in enumerate(found_vectors):
        vectors = np.ascontiguousarray(vectors)
        assert vectors.dtype == np.float32, f"{file}, {library}: {vectors.dtype}"
        assert vectors.shape == (len(rows), width), f"{file}, {library}: {vectors.shape}"
        same = vectors.view("<u4") == numbers[layer]
        assert same.all(), f"{file}, {library}: other bits in row {np.argwhere(~same)[0]}"
    seen[f"{file} {library}"] = str(kind)


def of_arrow(table, name):
    return table[name].combine_chunks().flatten().to_numpy().reshape(-1, width)


def of_polars(frame, name):
    return frame[name].explode().to_numpy().reshape(-1, width) if len(frame) else np.zeros((0, width), "<f4")


def check_metadata(file, text):
    found = json.loads(text)
    for name in ("model", "part", "layers", "width", "pool", "precision"):
        assert found[name] == expected["metadata"][name], f"{file}: {name} is {found[name]}"


# Parquet and Arrow
table = pyarrow.parquet.read_table(folder / "x.parquet")
check("parquet", "pyarrow", table.schema.field(names[0]).type, [table[key].to_pylist() for key in keys],
      [of_arrow(table, name) for name in names])
check_metadata("parquet", table.schema.metadata[b"virnucpro"])
frame = pl.read_parquet(folder / "x.parquet")
check("parquet", "polars", frame.schema[names[0]], [frame[key].to_list() for key in keys],
      [of_polars(frame, name) for name in names])
with pyarrow.ipc.open_file(folder / "x.arrow") as file:
    table = file.read_all()
check("arrow", "pyarrow", table.schema.field(names[0]).type, [table[key].to_pylist() for key in keys],
      [of_arrow(table, name) for name in names])
check_metadata("arrow", table.schema.metadata[b"virnucpro"])
frame = pl.read_ipc(folder / "x.arrow")
check("arrow", "polars", frame.schema[names[0]], [frame[key].to_list() for key in keys],
      [of_polars(frame, name) for name in names])
relation = duckdb.sql(f"SELECT * FROM '{folder}/x.parquet'")
found = relation.arrow().read_all() if hasattr(relation.arrow(), "read_all") else relation.arrow()
check("parquet", "duckdb", relation.types[len(keys)], [found[key].to_pylist() for key in keys],
      [of_arrow(found, name) for name in names])

# numpy
array = np.load(folder / "x.npy")
lines = (folder / "x.ids.tsv").read_text(encoding="utf-8").split("\n")
assert lines[0].startswith("# virnucpro=") and lines[1].split("\t") == keys and lines[-1] == ""
assert len(lines) - 3 == len(rows) == len(array)
check("npy", "numpy", array.dtype, list(zip(*rows)) or [[] for _ in keys],
      [array[:, layer * width:(layer + 1) * width] for layer in range(len(layers))])
for name in ("x.npz", "zip64.npz"):
    archive = np.load(folder / name)
    check(name, "numpy", archive["id"].dtype.kind, [archive[key].tolist() for key in keys],
          [archive[key] for key in names])
    check_metadata(name, str(archive["metadata"]))

# HDF5
with h5py.File(folder / "x.h5") as file:
    assert file.attrs["model"] == expected["metadata"]["model"]
    assert np.atleast_1d(file.attrs["layers"]).tolist() == layers
    if pool != "tokens":
        check("h5", "h5py", file[names[0]].dtype, [file["id"].asstr()[:].tolist(), file["length"][:].tolist()],
              [file[name][:] for name in names])
    else:
        found = {}
        for sequence in file.values():
            datasets = [sequence] if len(layers) == 1 else [sequence[name] for name in names]
            found.setdefault((sequence.attrs["id"], int(sequence.attrs["length"])), []).append(
                [dataset[:].view("<u4").tobytes() for dataset in datasets])
        wanted = {}
        for record, (sequence, length) in enumerate(expected["sequences"], 1):
            mine = [index for index, row in enumerate(rows) if row[1] == record]
            wanted.setdefault((sequence, length), []).append([numbers[layer, mine].tobytes() for layer in range(len(layers))])
        assert {key: sorted(value) for key, value in found.items()} == {key: sorted(value) for key, value in wanted.items()}
        seen["h5 h5py"] = "float32"

print(json.dumps(seen))
