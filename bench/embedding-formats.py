"""Reads embeddings in several layouts by pyarrow, polars and DuckDB: see bench/embedding-formats.mjs.

embedding-formats.py FOLDER WIDTH
"""

import pathlib
import sys
import time

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

folder, width = pathlib.Path(sys.argv[1]), int(sys.argv[2])
numbers = np.load(folder / "x.npy", mmap_mode="r")[:20_000]
rows = len(numbers)
flat = pa.array(np.ascontiguousarray(numbers).reshape(-1))
ids = pa.array([f"sequence_{row}" for row in range(rows)])
LAYOUTS = {
    "list": pa.ListArray.from_arrays(pa.array(np.arange(0, rows * width + 1, width, dtype=np.int32)), flat),
    "fixed-size list": pa.FixedSizeListArray.from_arrays(flat, width),
    "fixed-length bytes": pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(width * 4), rows, [None, pa.py_buffer(np.ascontiguousarray(numbers).tobytes())]),
}


def report(name, path, count):
    readers = {
        "pyarrow": lambda: pq.read_table(path),
        "polars": lambda: pl.read_parquet(path),
        "DuckDB": lambda: duckdb.sql(f"CREATE OR REPLACE TABLE t AS SELECT * FROM '{path}'"),
    }
    if path.suffix == ".arrow":
        readers = {"pyarrow": lambda: pyarrow.feather.read_table(path, memory_map=False), "polars": lambda: pl.read_ipc(path)}
    best = {}
    for _ in range(3):
        for library, read in readers.items():
            start = time.perf_counter()
            table = read()
            best[library] = min(best.get(library, 1e9), time.perf_counter() - start)
            if library == "pyarrow":
                arrow = table.schema.field("embedding").type
            elif library == "polars":
                polars = table.schema["embedding"]
    duck = duckdb.sql("DESCRIBE t").fetchall()[1 if len(duckdb.sql("DESCRIBE t").fetchall()) == 2 else 2][1] if "DuckDB" in best else "-"
    size = count * width * 4
    speeds = " | ".join(f"{size / 1e6 / best[library]:.0f}" if library in best else "-" for library in ("pyarrow", "polars", "DuckDB"))
    print(f"| {name} | {path.stat().st_size / size:.3f} | {speeds} | {arrow} | {polars} | {duck} |", flush=True)


print("\n| layout | size / numbers | pyarrow MB/s | polars MB/s | DuckDB MB/s | pyarrow | polars | DuckDB |")
print("| --- | --- | --- | --- | --- | --- | --- | --- |")
for name, array in LAYOUTS.items():
    for codec, split in [("none", False), ("snappy", False), ("zstd", False), ("zstd", True)]:
        if split and name == "fixed-length bytes":
            continue
        path = folder / "layout.parquet"
        options = {"use_byte_stream_split": ["embedding.list.element"]} if split else {}
        pq.write_table(pa.table({"id": ids, "embedding": array}), path, compression=codec, use_dictionary=["id"],
                       row_group_size=3000, write_statistics=False, **options)
        report(f"{name}, {codec}{', byte stream split' if split else ''}", path, rows)
total = len(np.load(folder / "x.npy", mmap_mode="r"))
report("virnucpro, .parquet", folder / "x.parquet", total)
report("virnucpro, .arrow", folder / "x.arrow", total)
