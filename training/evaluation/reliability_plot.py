"""reliability.svg: the fraction of viruses among the items by score."""

PANEL = 220
"""Side of a panel's square."""
MARGIN, GAP, TOP, BOTTOM = 46, 34, 34, 64
COLOURS = ("#0b6fb8", "#d1711c", "#5f5f5f", "#3a8f4d", "#9b4dca", "#b8a20b")
LEVELS = ("frames", "windows", "contigs of 5000 bases")


def reliability_plot(report: dict) -> str:
    """SVG. @param report: of comparison.compare"""
    levels = [level for level in report["levels"] if level["name"] in LEVELS]
    width = MARGIN + len(levels) * (PANEL + GAP)
    height = TOP + PANEL + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for number, level in enumerate(levels):
        left = MARGIN + number * (PANEL + GAP)
        parts += _frame(left, level["name"], number == 0)
        for colour, name in zip(COLOURS, report["sets"]):
            parts += _curve(left, colour, level["sets"][name]["reliability"])
    for number, (colour, name) in enumerate(zip(COLOURS, report["sets"])):
        left, y = MARGIN + 130 * number, height - 12
        parts.append(f'<circle cx="{left}" cy="{y - 4}" r="4" fill="{colour}"/>')
        parts.append(f'<text x="{left + 9}" y="{y}">{_escaped(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _frame(left: int, title: str, is_first: bool) -> list[str]:
    bottom = TOP + PANEL
    parts = [
        f'<text x="{left}" y="{TOP - 12}" font-weight="bold">{_escaped(title)}</text>',
        f'<rect x="{left}" y="{TOP}" width="{PANEL}" height="{PANEL}" fill="none" stroke="#999"/>',
        f'<path d="M{left} {bottom}L{left + PANEL} {TOP}" stroke="#bbb" stroke-dasharray="4 3"/>',
        f'<text x="{left + PANEL / 2}" y="{bottom + 32}" text-anchor="middle">score</text>',
    ]
    for tick in (0, 0.5, 1):
        x, y = _place(left, tick, tick)
        parts.append(f'<text x="{x}" y="{bottom + 15}" text-anchor="middle">{tick:g}</text>')
        if is_first:
            parts.append(f'<text x="{left - 6}" y="{float(y) + 4:g}" text-anchor="end">{tick:g}</text>')
    if is_first:
        middle = TOP + PANEL / 2
        parts.append(
            f'<text transform="translate({left - 30} {middle}) rotate(-90)" text-anchor="middle">fraction of virus</text>'
        )
    return parts


def _curve(left: int, colour: str, bins: dict) -> list[str]:
    points = [
        (*_place(left, score, virus), weight)
        for score, virus, weight in zip(bins["score"], bins["virus"], bins["weight"])
        if score is not None
    ]
    line = "L".join(f"{x} {y}" for x, y, _ in points)
    dots = [
        # A dot's area is the fraction of the items.
        f'<circle cx="{x}" cy="{y}" r="{1.5 + 7 * weight**0.5:.1f}" fill="{colour}" fill-opacity="0.6"/>'
        for x, y, weight in points
    ]
    return [f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>', *dots]


def _place(left: int, score: float, virus: float) -> tuple[str, str]:
    return f"{left + PANEL * score:.1f}", f"{TOP + PANEL * (1 - virus):.1f}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
