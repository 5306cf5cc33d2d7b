"""Bounds and hashes, made by host/tools/selftest_bounds.py."""

# Of each kernel: instructions, estimated cycles on the board: at least, at most.
KERNELS = {
    "class_sums": (262627, 153600, 1823928),
    "combine": (1383443, 1134090, 3658192),
    "contrast": (113314, 61440, 633493),
    "copies": (455364, 227682, 1196246),
    "crc32": (4726666, 2363333, 14621977),
    "encode": (528279, 264140, 1906810),
    "factor": (99278980, 98892482, 182190730),
    "goodness": (502412, 324166, 2460062),
    "gram add": (14607085, 10082742, 25386512),
    "gram remove": (18156570, 11857485, 34260225),
    "inverse block": (5972656, 6066776, 10329132),
    "kernel": (1609795, 1092898, 3189928),
    "kernel goodness": (52131, 153600, 330744),
    "leverage": (23854941, 24249262, 41460792),
    "nearest": (39353, 153600, 295758),
    "patch features": (7939653, 4188706, 10627308),
    "patch gram": (355770, 204885, 867273),
    "powers": (35108, 17554, 186570),
    "project": (9663602, 6631801, 14803741),
    "project one": (294655, 1409280, 2278638),
    "solve": (12063202, 12705905, 21613085),
    "unit_rows": (454382, 227191, 3937619),
}
# Of each training: SHA-256 of its weights, instructions, estimated ms: at least, at most.
TRAININGS = {
    "dual": (
        "2c5482f76718db8842d9ce6d207a3b9811e54c7f5fc98abe6d1d65847b6c4cc0",
        28047406,
        80,
        224,
    ),
    "primal": (
        "2c232843cd3443f15fbb25276c1dc7fc92d993115b3122dcf2172c40dffa8d0e",
        234188514,
        560,
        1151,
    ),
    "uff_kernel": (
        "76e4ee94af07423f2c6502435c50c1b5ccaa25c0c72bee289c092d819367ff7e",
        88026919,
        119,
        368,
    ),
}
