"""The picture of bench.py: instructions of each step and of whole trainings, by each means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from uff_host import png
from uff_host.experiments.instructions.bench import (
    ADAM,
    DESCENT,
    EPOCH,
    EPOCHS,
    TASKS,
    TRAINING,
    UFF_MEANS,
    Bench,
)

# Okabe and Ito's colours
COLOURS = {
    "µFF": "#D55E00",
    "µFF, plain C": "#E69F00",
    "CMSIS-DSP q15": "#56B4E9",
    "CMSIS-DSP f32": "#0072B2",
    "ulab": "#7F7F7F",
}


def plot(bench: Bench, cells: Sequence[tuple[int, int]], path: Path) -> None:
    """Draw a PNG.

    Raises:
        OSError: The file cannot be written.
    """
    figure = Figure(figsize=(12, 4.8 + 1.9 * len(cells)), dpi=110, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.15, h_pad=0.1)  # type: ignore[union-attr, call-arg]
    top, *below = figure.subplots(
        1 + len(cells), 1, gridspec_kw={"height_ratios": [1.7] + [1] * len(cells)}
    )
    _steps(top, bench)
    for panel, cell in zip(below, cells, strict=True):
        _trainings(panel, bench, cell)
    limits = [panel.get_xlim() for panel in below]
    for panel in below:  # one scale, so that the panels compare
        panel.set_xlim(min(low for low, _ in limits), max(high for _, high in limits))
    figure.suptitle("µFF and its baselines: instructions counted on one emulated Cortex-M7")
    png.write_figure(figure, path)


def _steps(panel: Axes, bench: Bench) -> None:
    """A group of bars for each step."""
    width = 0.16
    for number, (means, colour) in enumerate(COLOURS.items()):
        for place, task in enumerate(TASKS):
            row = bench.find(task, means)
            if row is None:
                continue
            value = row.instructions / row.macs
            at = place + (number - 2) * width
            panel.bar(at, value, width * 0.92, color=colour, label=means if place == 0 else None)
            panel.annotate(
                f"{value:.2f}" if value < 10 else f"{value:.0f}",
                (at, value),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                fontsize=9,
            )
    panel.set_yscale("log")
    panel.set_ylim(0.4, panel.get_ylim()[1] * 1.6)
    panel.set_yticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
    panel.minorticks_off()
    panel.set_xticks(range(len(TASKS)), TASKS)
    panel.set_xlim(-0.55, len(TASKS) - 0.45)
    panel.set_ylabel("instructions per\nmultiply-add that is needed")
    panel.grid(axis="y", linewidth=0.4, alpha=0.6)
    panel.set_axisbelow(True)
    panel.legend(ncols=len(COLOURS), loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)


def _trainings(panel: Axes, bench: Bench, cell: tuple[int, int]) -> None:
    """Bars across: whole trainings, and the baseline by epochs."""
    bars: list[tuple[str, int, str]] = []
    plain = f"{UFF_MEANS['uff1']}, plain C"
    for means in (*UFF_MEANS.values(), plain, "ulab"):
        row = bench.find(TRAINING, means, cell)
        if row:
            colour = {plain: COLOURS["µFF, plain C"], "ulab": COLOURS["ulab"]}.get(
                means, "#D55E00"
            )
            name = "one layer in ulab" if means == "ulab" else means
            bars.append((name, row.instructions, colour))
    for baseline in (DESCENT, ADAM):
        row = bench.find(EPOCH, baseline, cell)
        if row:
            bars.append((f"backpropagation, 1 epoch, {baseline}", row.instructions, "#009E73"))
            if baseline == ADAM:
                many = EPOCHS * row.instructions
                bars.append((f"backpropagation, {EPOCHS} x that", many, "#009E73"))
    names, counts, colours = zip(*bars, strict=True)
    places = range(len(bars))[::-1]
    panel.barh(places, [count / 1e6 for count in counts], color=colours, height=0.72)
    for place, value in zip(places, counts, strict=True):
        panel.annotate(
            f"{value / 1e6:,.0f}",
            (value / 1e6, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    panel.set_yticks(places, names)
    panel.set_xscale("log")
    panel.set_xlim(min(counts) / 2e6, max(counts) / 1e6 * 2.5)
    panel.set_title(f"{cell[0]} classes x {cell[1]} images", loc="left", fontsize=10)
    panel.set_xlabel("million instructions")
    panel.grid(axis="x", linewidth=0.4, alpha=0.6)
    panel.set_axisbelow(True)
