"""A round in Flower's simulation: python flower_round.py SUMS.uffm BOARD.uffm ...; run by
test_flower.py in an environment that has flwr and ray."""

import sys
from pathlib import Path

from flwr.simulation import run_simulation

from uff_host.merging.flower import client_app, server_app

out, *boards = [Path(name).absolute() for name in sys.argv[1:]]
run_simulation(
    server_app(len(boards), out),
    client_app(lambda context: boards[int(context.node_config["partition-id"])]),
    num_supernodes=len(boards),
    backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0}},
)
