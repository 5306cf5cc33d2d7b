"""A Flower app whose clients stand for boards: one round, exact sums, no average.

It needs the package flwr in an environment of its own (docs/merging.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from logging import INFO
from pathlib import Path
from typing import Any

from flwr.app import (
    Array,
    ArrayRecord,
    ConfigRecord,
    Context,
    Message,
    MessageType,
    MetricRecord,
    RecordDict,
)
from flwr.clientapp import ClientApp
from flwr.common.logger import log
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import Strategy

from uff_host.errors import DataError
from uff_host.merging.federated import arrays_of, metadata_of, sums_of, total
from uff_host.merging.merge import Merged, read
from uff_host.merging.sums import Sums

WAIT_S = 0.5
SUMS, METADATA = "sums", "metadata"


def records_of(sums: Sums) -> RecordDict:
    """What a client sends."""
    arrays = ArrayRecord({name: Array(data) for name, data in arrays_of(sums).items()})
    return RecordDict({SUMS: arrays, METADATA: ConfigRecord(metadata_of(sums))})


def client_app(file_of: Callable[[Context], Path]) -> ClientApp:
    """Clients that send the exact sums in a file each: that of a board."""
    app = ClientApp()

    @app.train()  # type: ignore[untyped-decorator,unused-ignore]
    def train(message: Message, context: Context) -> Message:
        return Message(content=records_of(read(file_of(context)).sums), reply_to=message)

    return app


class ExactSum(Strategy):  # type: ignore[misc,unused-ignore]
    """Asks every node once, and adds up what they send."""

    def __init__(self, nodes: int) -> None:
        """nodes: how many there must be. They are waited for, and each must answer."""
        self.nodes = nodes
        self.merged: Merged | None = None

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        asked = RecordDict({"config": config})
        while len(nodes := sorted(grid.get_node_ids())) < self.nodes:
            log(INFO, "%d of %d nodes are there", len(nodes), self.nodes)
            time.sleep(WAIT_S)
        if len(nodes) > self.nodes:
            raise DataError(f"There are {len(nodes)} nodes, wanted {self.nodes}.")
        return [Message(asked, node, MessageType.TRAIN) for node in nodes]

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        listed = []
        for reply in replies:
            name = f"Node {reply.metadata.src_node_id}"
            if reply.has_error():
                raise DataError(f"{name} failed: {reply.error.reason}.")
            arrays = {key: array.numpy() for key, array in reply.content[SUMS].items()}
            listed.append((name, sums_of(arrays, reply.content[METADATA], name)))
        if len(listed) != self.nodes:
            raise DataError(f"{len(listed)} of {self.nodes} nodes answered.")
        self.merged = total(listed)
        return None, MetricRecord({"images": self.merged.sums.images})

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        return []

    def aggregate_evaluate(
        self, server_round: int, replies: Iterable[Message]
    ) -> MetricRecord | None:
        return None

    def summary(self) -> None:
        log(INFO, "ExactSum: one round, sums of integers, no average")


def server_app(nodes: int, write_to: Path) -> ServerApp:
    """A server that writes the exact sums of all nodes, with their receipt: `uff merge` makes the
    model of them."""
    app = ServerApp()

    @app.main()  # type: ignore[untyped-decorator,unused-ignore]
    def main(grid: Grid, context: Context) -> None:
        strategy = ExactSum(nodes)
        strategy.start(grid, ArrayRecord(), num_rounds=1)
        if strategy.merged is None:
            raise DataError("No client sent sums.")
        strategy.merged.write(write_to, strategy.merged.sums.model())

    return app


def file_of_node(context: Context) -> Path:
    """Of a node that says where its board's file lies: --node-config 'board="learnt.uffm"'.

    Raises:
        DataError: It does not.
    """
    board: Any = context.node_config.get("board")
    if not isinstance(board, str):
        raise DataError("This node has no board: --node-config 'board=\"learnt.uffm\"' names it.")
    return Path(board)
