"""Draws the speeds in a report of compare.mjs: python chart.py REPORT.json CHART.svg"""

import json
import statistics
import sys
from pathlib import Path

import matplotlib

matplotlib.use('svg')
# So that the same report gives the same bytes.
matplotlib.rcParams['svg.hashsalt'] = 'virnucpro'
from matplotlib import pyplot  # noqa: E402

OURS, OTHERS = '#0b6e4f', '#9aa5b1'


def draw(report: dict, path: Path) -> None:
    rows = [row for row in report['rows'] if row['tokensPerSecond']]
    rows.sort(key=lambda row: statistics.median(row['tokensPerSecond']))
    labels = [f'{row["title"]}, {row["precision"]}' for row in rows]
    medians = [statistics.median(row['tokensPerSecond']) for row in rows]
    spread = [
        [middle - min(row['tokensPerSecond']) for middle, row in zip(medians, rows)],
        [max(row['tokensPerSecond']) - middle for middle, row in zip(medians, rows)],
    ]
    colours = [OURS if row['title'].startswith('virnucpro') else OTHERS for row in rows]
    figure, axes = pyplot.subplots(figsize=(9, 1.6 + 0.42 * len(rows)), layout='constrained')
    axes.barh(labels, medians, xerr=spread, color=colours, error_kw={'capsize': 2, 'lw': 0.8})
    for position, (value, high) in enumerate(zip(medians, spread[1])):
        axes.annotate(f'{value:,.0f}', (value + high, position), (4, 0), textcoords='offset points', va='center')
    axes.set_xlim(0, max(value + high for value, high in zip(medians, spread[1])) * 1.12)
    axes.spines[['top', 'right']].set_visible(False)
    axes.set_xlabel('tokens a second: median, lowest and highest round')
    axes.set_title(f'{report["subject"]}, {report["date"]}', loc='left', fontweight='bold')
    machine = report['machine']
    figure.supxlabel(f'{report["input"]}\n{machine["processor"]}; {machine["instructions"]}', fontsize=7, color='#555555')
    figure.savefig(path, metadata={'Date': None})


if __name__ == '__main__':
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
