"""report.md: the figures as tables to paste into a model card."""

from .clade_pairs import MACRO_LEAST, is_one_family
from .metrics import BINS

GROUP_LEVELS = ("windows", "contigs of 5000 bases")
"""Levels whose groups are shown; report.json has the groups of all levels."""

METHOD = """## What the figures are

- AUROC: any virus against any other, each item alike; it does not depend on how many there are of a class. Ties count
  half.
- Groups: a family against all others, and another group against all viruses. Means over families and over other groups:
  of these, each group alike. Macro: the mean over all pairs of a family and another group. Left out of means: groups
  of fewer than {least} items (†), and of viruses those that are no one family (\\*).
- Intervals: {draws:,} times as many clades (families of viruses, genera of others) as there are in each class were
  drawn with replacement; the same draws for all sets. In means a group counts as often as its clades were drawn on the
  average.
- AUPRC: average precision at the prevalence given; balanced: weighted as if both classes were equally many.
- Balanced accuracy: mean of sensitivity and specificity at the score 0.5. Called right: at 0.5, too.
- ECE: {bins} bins of the same width, weighted as if both classes were equally many.
- A window has the score of its deciding frame, a contig the mean of its windows (`mean_virus_score`); beside it are other
  columns of `contigs.tsv`.
- Lengths of contigs are not to be compared with each other: families of small genomes have none of the longer ones."""


def report_text(report: dict) -> str:
    """@param report: of comparison.compare"""
    parts = [_heading(report), summary_table(report)]
    parts += [_level(level, report["sets"]) for level in report["levels"]]
    parts += [_groups(level, report["sets"]) for level in report["levels"] if level["name"] in GROUP_LEVELS]
    parts.append(METHOD.format(draws=report["draws"], least=MACRO_LEAST, bins=BINS))
    return "\n\n".join(parts) + "\n"


def _heading(report: dict) -> str:
    choice = report["choice"]
    return (
        f"# Evaluation: {choice['split']} split\n\n"
        f"Sets of scores: {', '.join(report['sets'])}. Within a table all are of exactly the same sequences. Contigs: "
        f"at most {choice['most_per_clade']} a clade and length, chosen by chance (seed {choice['seed']}) from those "
        "that lie one behind the other from the first base of a record. In brackets: 95 % intervals.\n\n"
        "![Reliability](reliability.svg)"
    )


def summary_table(report: dict) -> str:
    names = report["sets"]
    head = ["AUROC", "viruses", "others", *(f"{name}" for name in names), *(f"{name}, macro" for name in names)]
    rows = [
        [
            *(level["name"], f"{level['virus']:,}", f"{level['other']:,}"),
            *(_number(level["sets"][name][key][0]) for key in ("pooled", "macro") for name in names),
        ]
        for level in report["levels"]
    ]
    return "\n".join(_table(head, rows))


def _level(level: dict, names: list[str]) -> str:
    return f"## {level['name'].capitalize()}\n\n{level_table(level, names)}"


def level_table(level: dict, names: list[str]) -> str:
    """The contents of one level, its figures side by side, and the differences from the first set."""
    head = [
        *("scores", "AUROC", "AUROC, macro", "mean over families", "mean over other groups"),
        *("AUPRC", "AUPRC, balanced", "balanced accuracy", "sensitivity", "specificity", "ECE"),
    ]
    others = list(level["sets"][names[0]]["auroc_of"])
    head += [f"AUROC of {column}" for column in others]
    rows = []
    for name in names:
        one = level["sets"][name]
        row = [name, *(_with_interval(one[key]) for key in ("pooled", "macro", "macro_virus", "macro_other"))]
        keys = ("auprc", "auprc_balanced", "balanced_accuracy", "sensitivity", "specificity", "ece")
        row += [_number(one[key]) for key in keys]
        rows.append(row + [_number(one["auroc_of"][column]) for column in others])
    lines = [
        f"{level['virus']:,} of viruses ({level['virus_clades']} clades) and {level['other']:,} others "
        f"({level['other_clades']} clades): prevalence {level['prevalence']:.3f}. {_missing(level, names)}",
        "",
        *_table(head, rows),
    ]
    if len(names) > 1:
        lines += ["", _differences(level, names)]
    triage = level["sets"][names[0]].get("triage")
    if triage is not None:
        lines += ["", triage_words(names[0], triage)]
    return "\n".join(lines)


def _missing(level: dict, names: list[str]) -> str:
    if level["name"] == "frames":
        return f"Frames that not all sets have: {level['left_out']:,}."
    unscored = ", ".join(f"{name} {level['sets'][name]['unscored']:,}" for name in names)
    return f"Without a score (no kept frame): {unscored}; scored by some sets only: {level['left_out']:,}."


def _differences(level: dict, names: list[str]) -> str:
    words = []
    for name in names[1:]:
        of = level["sets"][name]["first_minus_this"]
        words.append(f"{name} {_signed(of['pooled'])} (macro {_signed(of['macro'])})")
    return f"AUROC of {names[0]} minus that of " + "; ".join(words) + "."


def triage_words(name: str, figures: dict) -> str:
    def percent(value: float | None) -> str:
        return "none" if value is None else f"{100 * value:.1f} %"

    return (
        f"Triage by {name}: {figures['decided']:,} of {figures['windows']:,} windows are decided "
        f"({percent(figures['share_of_virus'])} of those of viruses, {percent(figures['share_of_other'])} of the "
        f"others). Wrong: {percent(figures['wrong_as_other'])} of what is called other, "
        f"{percent(figures['wrong_as_virus'])} of what is called virus, as if both classes were equally many."
    )


def _groups(level: dict, names: list[str]) -> str:
    return f"## Groups: {level['name']}\n\n{group_table(level, names)}"


def group_table(level: dict, names: list[str]) -> str:
    """AUROC and fraction called right for every group, in all sets."""
    head = ["group", "items", *(f"AUROC, {name}" for name in names), *(f"called right, {name}" for name in names)]
    by_group = {name: {(row["label"], row["group"]): row for row in level["sets"][name]["groups"]} for name in names}
    rows = []
    for (label, group), first in by_group[names[0]].items():
        of_sets = [by_group[name][label, group] for name in names]
        mark = "" if label == 0 or is_one_family(group) else " \\*"
        small = "" if first["items"] >= MACRO_LEAST else " †"
        row = [f"{'virus' if label else 'other'}: {group}{mark}{small}", f"{first['items']:,}"]
        rows.append(row + [_number(one["auroc"]) for one in of_sets] + [_number(one["right"]) for one in of_sets])
    return "\n".join(_table(head, rows))


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    line = ["---", *("--:" for _ in head[1:])]
    return ["| " + " | ".join(row) + " |" for row in (head, line, *rows)]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _with_interval(values: list[float | None]) -> str:
    if values[0] is None:
        return "–"
    return f"{_number(values[0])} ({_number(values[1])} to {_number(values[2])})"


def _signed(values: list[float | None]) -> str:
    if values[0] is None:
        return "–"
    return f"{values[0]:+.3f} ({values[1]:+.3f} to {values[2]:+.3f})"
