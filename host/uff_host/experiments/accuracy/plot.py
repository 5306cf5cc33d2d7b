"""The picture of a table: accuracy over training images, one panel for each set of classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from uff_host import png
from uff_host.experiments.accuracy.grid import TITLES, UFF, Row
from uff_host.published import FIGURES

# Okabe and Ito's colours, told apart with any colour vision; markers differ as well
STYLES = {
    "uff2": ("#D55E00", "o"),
    "uff1": ("#E69F00", "s"),
    "uff_conv": ("#F4A582", "<"),
    "uff_kernel": ("#B2182B", ">"),
    "uff_mirror": ("#67001F", "8"),
    "bp": ("#0072B2", "^"),
    "bp_reg": ("#56B4E9", "v"),
    "ff": ("#009E73", "D"),
    "ridge": ("#CC79A7", "P"),
    "elm": ("#8C6D31", "X"),
    "krr": ("#000000", "*"),
    "nearest_mean": ("#7F7F7F", "d"),
    "cnn": ("#332288", "p"),
    "cnn_aug": ("#882255", "h"),
}
SLIDE_STYLES = {
    "uff": ("#D55E00", "µFF, slides (other classes?)"),
    "backpropagation": ("#0072B2", "backpropagation, slides (other classes?)"),
}
_SLIDE_LABELS = [label for _, label in SLIDE_STYLES.values()]
SPREAD = 0.32  # of the distance between two counts of images, to each side


def plot(rows: Sequence[Row], path: Path) -> None:
    """Draw all rows as a PNG.

    Raises:
        OSError: The file cannot be written.
    """
    sets = list(dict.fromkeys(row.class_ids for row in rows))
    across = min(len(sets), 3)
    down = -(-len(sets) // across)
    figure = Figure(figsize=(1.4 + 4.0 * across, 1.9 + 5.4 * down), dpi=120, layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for panel, ids in zip(panels, sets, strict=False):
        _draw(panel, [row for row in rows if row.class_ids == ids])
    for panel in panels[len(sets) :]:
        panel.set_visible(False)
    entries: dict[str, Artist] = {}
    for panel in panels[: len(sets)]:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            entries[label] = handle
    titles = {row.network: row.title for row in rows}
    ours = [titles[network] for network in TITLES if network in titles]
    order = [label for label in (*ours, *_SLIDE_LABELS) if label in entries]
    figure.legend(
        [entries[label] for label in order],
        order,
        loc="outside lower center",
        ncols=min(across + 1, 4),
        frameon=False,
        labelspacing=0.9,
    )
    deviation = ", bars: standard deviation" if rows[0].sd is not None else ""
    figure.suptitle(f"Accuracy on the test images (mean of {rows[0].seeds} seeds{deviation})")
    png.write_figure(figure, path)


def _draw(panel: Axes, rows: Sequence[Row]) -> None:
    """One set of classes: a series for each network, dashed lines for the slides."""
    counts = sorted({row.images for row in rows})
    networks = list(dict.fromkeys(row.network for row in rows))
    places = {n: i for i, n in enumerate(counts)}  # evenly, whatever the counts
    for number, network in enumerate(networks):
        mine = sorted((row for row in rows if row.network == network), key=lambda row: row.images)
        # side by side, so that no bar hides another one
        shift = SPREAD * (2 * number / max(1, len(networks) - 1) - 1) * (len(networks) > 1)
        colour, marker = STYLES[network]
        ours = network in UFF
        panel.errorbar(
            [places[row.images] + shift for row in mine],
            [row.mean for row in mine],
            yerr=[row.sd or 0 for row in mine],
            color=colour,
            marker=marker,
            markersize={"*": 12}.get(marker, 9 if ours else 7),
            markeredgecolor="white",
            markeredgewidth=0.6,
            linewidth=1.6 if ours else 0,
            elinewidth=1.2,
            capsize=2,
            zorder=4 if ours else 3,
            label=mine[0].title,
        )
    k = len(rows[0].class_ids)
    known = [n for n in counts if (k, n) in FIGURES]
    for name, (colour, label) in SLIDE_STYLES.items():
        if known:
            values = [getattr(FIGURES[k, n], name) for n in known]
            (line,) = panel.plot([places[n] for n in known], values, color=colour, label=label)
            line.set(linestyle="--", linewidth=1.4, zorder=2)
            if len(known) == 1:
                line.set(marker="_", markersize=40)  # else nothing would be seen
    panel.set_title(f"{k} classes ({','.join(map(str, rows[0].class_ids))})")
    panel.set_xticks(list(places.values()), [f"{n:,}" for n in counts])
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xlim(-0.5, len(counts) - 0.5)
    for place in range(1, len(counts)):
        panel.axvline(place - 0.5, color="#DDDDDD", linewidth=0.8, zorder=1)
    panel.set_xlabel("training images a class")
    panel.set_ylabel("accuracy")
    panel.grid(axis="y", linewidth=0.4, alpha=0.6)
    panel.set_axisbelow(True)
