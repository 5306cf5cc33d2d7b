"""Progress bars with the time left, and tables that fit the terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from rich import progress as bars
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from uff_host.console.terminal import plain
from uff_host.progress import OnProgress, Progress


@contextlib.contextmanager
def progress_bar(console: Console, title: str) -> Iterator[OnProgress]:
    """A bar that lasts as long as the block; the block hands Progress records to what it gets."""
    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(bar_width=30),
        bars.TextColumn("{task.percentage:>3.0f} % {task.fields[left]}", markup=False),
    )
    shown = console.is_terminal
    with bars.Progress(*columns, console=console, transient=True, disable=not shown) as view:
        task = view.add_task(title, total=1.0, left="")

        def on_progress(step: Progress) -> None:
            left = "" if step.left_s is None else f"about {step.left_s:.0f} s left"
            text = f"{title}: {step.stage}"
            view.update(task, completed=step.done, description=text, left=left)

        yield on_progress


class NumberTable(Table):
    """A table whose first column is text and whose others are numbers.

    On a narrow screen it gives up lines, then folds what is no number, then becomes lines of text;
    no digit is ever cut off.
    """

    _GAP = 1  # between columns without lines
    _NAME, _HEAD = 8, 3  # characters that names and heads of columns may be folded to

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._fits(options.max_width):
            yield from super().__rich_console__(console, options)
            return
        if self.title:
            yield Text(str(self.title), style="bold")
        heads, cells = self._texts()
        for name, *numbers in zip(*cells, strict=True):
            pairs = zip(heads[1:], numbers, strict=True)
            figures = (f"{head} {number}".strip() for head, number in pairs if number)
            yield console.render_str(f"{name}: {', '.join(figures)}", highlight=False)
        if self.caption:
            yield Text(str(self.caption))

    def _texts(self) -> tuple[list[str], list[list[str]]]:
        """Heads and, of each column, the cells, as they are shown."""
        cells = [[plain(str(cell)) for cell in column.cells] for column in self.columns]
        return [plain(str(column.header)) for column in self.columns], cells

    def _fits(self, width: int) -> bool:
        """Give columns widths that need no more than this together, if that can be."""
        heads, cells = self._texts()
        numbers = [max(map(cell_len, column), default=0) for column in cells]
        widths = [max(cell_len(head), most) for head, most in zip(heads, numbers, strict=True)]
        if sum(widths) + 3 * len(widths) + 1 <= width:
            return True
        self.box, self.show_edge, self.padding = SIMPLE_HEAD, False, (0, 0, 0, 0)
        least = [max(n, min(cell_len(h), self._HEAD)) for h, n in zip(heads, numbers, strict=True)]
        least[0] = min(widths[0], self._NAME)
        while sum(widths) + self._GAP * (len(widths) - 1) > width:
            spare = [w if w > low else 0 for w, low in zip(widths, least, strict=True)]
            if not any(spare):
                return False
            widths[spare.index(max(spare))] -= 1
        for column, each in zip(self.columns, widths, strict=True):
            column.width, column.overflow = each, "fold"
        return True


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]] = ()) -> NumberTable:
    """A table whose first column is text and whose others are numbers."""
    view = NumberTable(title=title, title_justify="left", title_style="bold")
    for i, column in enumerate(columns):
        view.add_column(column, justify="right" if i else "left")
    for row in rows:
        view.add_row(*(str(cell) for cell in row))
    return view
