"""Charts made on the server: SVG without a library, labels as HTML beside it, the same data as a table.

chart = bar_chart(label="Deliveries per hour; 56 failed after 14:00", columns=[
    Column("14:00", [373, 27, 0], tip="14:00: 400 delivered", href="?from=…"), …],
    series=["Delivered", "Retried", "Failed"])
{{ chart }} in a template
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from dashboard.formatting import format_number
from dashboard.markup import fill, join

BAR_CLASSES = ("b1", "b3", "b2")  # calm, amber, red
_BAR = '<rect class="{}" x="{}" width="{}" y="{}" height="{}"></rect>'
_HIT = '<rect class="hit" x="{}" width="{}" y="0" height="100" data-tip="{}"{}></rect>'
CALM_CLASSES = ("b1", "b4")  # blue, grey


@dataclass(frozen=True, kw_only=True)
class Column:
    """One place on the x axis. ``values``: one per series; None where nothing is known."""

    name: str
    values: Sequence[float | None]
    tip: str = ""
    href: str = ""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A dashed continuation of a line from its last value: ``steps`` columns further it is ``value``."""

    steps: float
    value: float
    word: str  # "19:40", shown where the limit is crossed


def nice_top(value: float) -> float:
    """The smallest round number that is not below ``value``."""
    if value <= 30:
        return max(3, 3 * math.ceil(value / 3))  # so that the grid's thirds are whole numbers
    size = 10.0 ** math.floor(math.log10(value))
    return next(step * size for step in (1.2, 1.5, 1.8, 2.4, 3, 4.5, 6, 7.5, 9, 12) if step * size >= value)


def bar_chart(
    *,
    label: str,
    columns: Sequence[Column],
    series: Sequence[str],
    is_tall: bool = True,
    unit: str = "",
    classes: Sequence[str] = BAR_CLASSES,
) -> SafeString:
    """Stacked bars: first series calm, then amber, then red; ``CALM_CLASSES`` where nothing is good or bad."""
    top = nice_top(max((sum(v or 0 for v in c.values) for c in columns), default=0))
    width = 100 / max(1, len(columns))
    bars: list[SafeString] = []
    for index, column in enumerate(columns):
        y = 100.0
        for kind, value in zip(classes, column.values, strict=False):
            height = 100 * (value or 0) / top
            if height <= 0:
                continue
            gap = 0.7 if y < 100 else 0.0
            y -= height
            places = index * width + width * 0.12, width * 0.76, y, max(0.4, height - gap)
            bars.append(fill(_BAR, kind, *[f"{place:.2f}" for place in places]))
    return _render({"bars": join(bars)}, label, columns, series, top, is_tall, unit)


def line_chart(
    *,
    label: str,
    columns: Sequence[Column],
    series: str,
    limit: float | None = None,
    forecast: Forecast | None = None,
    is_tall: bool = False,
    unit: str = "",
) -> SafeString:
    """One blue line of each column's first value, with the limit in red, 80 % of it in amber and a dashed forecast."""
    known = [(i, c.values[0]) for i, c in enumerate(columns) if c.values and c.values[0] is not None]
    highest = max([value for _, value in known if value is not None], default=0)
    top = nice_top(max(highest, (limit or 0) * 1.15, forecast.value if forecast else 0))
    span = max(1, len(columns) - 1)

    def at(index: float, value: float) -> str:
        return f"{100 * index / span:.2f},{100 - 100 * value / top:.2f}"

    points = " ".join(at(index, value or 0) for index, value in known)
    context: dict[str, object] = {"line": points}
    if known:
        context["area"] = f"{100 * known[0][0] / span:.2f},100 {points} {100 * known[-1][0] / span:.2f},100"
        now = 100 * known[-1][0] / span
        context["now"] = f"{now:.2f}" if now < 99 else ""
    if limit:
        context |= {"limit_y": f"{100 - 100 * limit / top:.2f}", "near_y": f"{100 - 80 * limit / top:.2f}"}
        context["limit_words"] = f"Limit {format_number(limit)}"
    if forecast and known:
        end = min(float(span), known[-1][0] + forecast.steps)
        context["forecast"] = f"{at(known[-1][0], known[-1][1] or 0)} {at(end, forecast.value)}"
        context["forecast_word"] = forecast.word
    return _render(context, label, columns, [series], top, is_tall, unit)


def percentile_chart(*, label: str, columns: Sequence[Column], series: Sequence[str], unit: str = "") -> SafeString:
    """A line per series, calm, amber and red; a column without values leaves a gap."""
    top = nice_top(max((v for c in columns for v in c.values if v is not None), default=0))
    width = 100 / max(1, len(columns))
    lines: list[tuple[str, str]] = []
    for place, kind in enumerate(("l1", "l2", "l3")[: len(series)]):
        run: list[str] = []
        for index, column in enumerate(columns):
            value = column.values[place]
            if value is not None:
                run.append(f"{index * width + width / 2:.2f},{100 - 100 * value / top:.2f}")
            if run and (value is None or index == len(columns) - 1):
                lines.append((kind, " ".join(run if len(run) > 1 else [run[0], run[0]])))
                run = []
    context: dict[str, object] = {"lines": lines}
    return _render(context, label, columns, series, top, False, unit)


def _render(
    context: dict[str, object],
    label: str,
    columns: Sequence[Column],
    series: Sequence[str],
    top: float,
    is_tall: bool,
    unit: str,
) -> SafeString:
    width = 100 / max(1, len(columns))
    context |= {
        "label": label,
        "is_tall": is_tall,
        "y_labels": [format_number(round(top * share, 2)) for share in (1, 2 / 3, 1 / 3, 0)],
        "grid": ["0", "33.33", "66.67", "100"],
        "hits": join(
            fill(_HIT, f"{i * width:.2f}", f"{width:.2f}", c.tip or _tip(c, series, unit), _link(' data-href="{}"', c))
            for i, c in enumerate(columns)
        ),
        "x_labels": _choose_labels(columns),
        "series": series,
        "rows": join(_draw_row(c) for c in columns),
    }
    return render_to_string("parts/_chart.html", context)


def _draw_row(column: Column) -> SafeString:
    name = fill('<a href="{}">{}</a>', column.href, column.name) if column.href else column.name
    cells = join(fill('<td class="end num">{}</td>', format_number(value)) for value in column.values)
    return fill("<tr><td>{}</td>{}</tr>", name, cells)


def _link(form: str, column: Column) -> SafeString:
    return fill(form, column.href) if column.href else SafeString("")


def _choose_labels(columns: Sequence[Column]) -> list[str]:
    """At most nine names from the first column to the last: spread evenly, each stands under its own column."""
    last = len(columns) - 1
    if last < 9:
        return [column.name for column in columns]
    steps = next((n for n in (8, 7, 6, 5, 4) if last % n == 0), 7)
    return [columns[round(last * i / steps)].name for i in range(steps + 1)]


def _tip(column: Column, series: Sequence[str], unit: str) -> str:
    words = [f"{name} {format_number(value)}{unit}" for name, value in zip(series, column.values, strict=False)]
    return f"{column.name}: " + ", ".join(words)
