"""The picture of `uff experiment chart`: accuracy over instructions, a panel for each cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from uff_host import png
from uff_host.experiments.accuracy.grid import TITLES, UFF, Cell
from uff_host.experiments.accuracy.plot import STYLES
from uff_host.experiments.chart.chart import Point


def plot(points: Sequence[Point], path: Path) -> None:
    """Draw a PNG.

    Raises:
        OSError: The file cannot be written.
    """
    cells = list(dict.fromkeys(point.cell for point in points))
    across = min(len(cells), 3)
    down = -(-len(cells) // across)
    figure = Figure(figsize=(1.2 + 4.0 * across, 1.5 + 3.1 * down), dpi=120, layout="constrained")
    panels = figure.subplots(down, across, squeeze=False, sharex=True).ravel()
    for panel in panels[len(cells) :]:
        panel.set_visible(False)
    entries: dict[str, Artist] = {}
    for panel, cell in zip(panels, cells, strict=False):
        _draw(panel, cell, [point for point in points if point.cell == cell])
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            entries[label] = handle
    figure.legend(
        list(entries.values()),
        list(entries),
        loc="outside lower center",
        ncols=min(3, len(entries)),
        frameon=False,
    )
    figure.suptitle(
        "Accuracy on the test images over instructions of the training on a Cortex-M7\n"
        "(counted on the emulated one; bars: estimates from multiply-adds, lower to upper bound)"
    )
    png.write_figure(figure, path)


def _draw(panel: Axes, cell: Cell, points: Sequence[Point]) -> None:
    networks = [name for name in TITLES if any(point.network == name for point in points)]
    for number, network in enumerate(networks):
        above = number % 2 == 0  # so that remarks of neighbours do not meet
        mine = sorted(
            (point for point in points if point.network == network),
            key=lambda point: point.instructions,
        )
        colour, marker = STYLES[network]
        places = [(point.instructions * point.most) ** 0.5 for point in mine]
        panel.errorbar(
            places,
            [point.accuracy for point in mine],
            xerr=[
                [place - point.instructions for place, point in zip(places, mine, strict=True)],
                [point.most - place for place, point in zip(places, mine, strict=True)],
            ],
            color=colour,
            marker=marker,
            markersize=11 if network in UFF else 8,
            markeredgecolor="white",
            markeredgewidth=0.6,
            linewidth=1,
            linestyle=":",
            elinewidth=2,
            capsize=3,
            zorder=4 if network in UFF else 3,
            label=TITLES[network],
        )
        for place, point in zip(places, mine, strict=True):
            panel.annotate(
                point.remark,
                (place, point.accuracy),
                xytext=(0, 9 if above else -9),
                textcoords="offset points",
                ha="center",
                va="bottom" if above else "top",
                fontsize=7,
                color=colour,
            )
    panel.set_xscale("log")
    panel.margins(x=0.1, y=0.12)
    panel.set_title(f"{len(cell.class_ids)} classes x {cell.images} images")
    panel.set_xlabel("instructions")
    panel.set_ylabel("accuracy")
    panel.tick_params(labelbottom=True)
    panel.grid(linewidth=0.4, alpha=0.6)
    panel.set_axisbelow(True)
