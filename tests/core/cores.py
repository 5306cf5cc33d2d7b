"""The C core, built several times (`build`) and called with numpy arrays.

`Cores.call` hands one call to every build (with the sanitizers, with and without the
processor's fused multiply-add, and with the kernels of a Cortex-M7) and insists that all answer
with the same bits.

The kernels of a Cortex-M7 run as a program for Arm Linux in qemu-arm, on an emulated Cortex-A7,
which has the same DSP instructions and fused multiply-adds: once under the sanitizers, which see
what is written in C, and once with an unmapped page behind every array, which what is written in
assembler runs into too.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import struct
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

HERE = Path(__file__).resolve().parent
RIDGE = HERE.parent.parent / "firmware_build/ridge"
BUILDS = HERE.parent.parent / "firmware_build/build/core"

WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-Wdouble-promotion", "-Wfloat-conversion"]
SAME_BITS = ["-ffp-contract=off"]
SANITIZE = [
    "-O1",
    "-g",
    "-fsanitize=address,undefined,float-cast-overflow",
    "-fno-sanitize-recover=all",
]

# Which argument is workspace: what is left in it is each set of kernels' own.
WORKSPACE = {
    "factor": 9,
    "gram": 5,
    "gram_goodness": 10,
    "inverse_block": 5,
    "inverse_diagonal": 5,
    "kernel": 5,
    "kernel_goodness": 11,
    "leverage": 7,
    "leverage_block": 7,
    "mirror_features": 9,
    "patch_features": 9,
    "patch_gram": 7,
    "project": 5,
    "solve": 5,
    "solve_in_place": 4,
}

OK, NOT_POSDEF, NOT_FINITE, OVERFLOW, NOT_ADDED, LABEL = 0, -1, -2, -3, -4, -5
UNIT, WEIGHT, PANEL = 512, 16384, 16


ARM_COMPILER, ARM_EMULATOR = "arm-linux-gnueabihf-gcc", "qemu-arm"
ARM = [
    *["-mthumb", "-mcpu=cortex-a7", "-mfpu=neon-vfpv4", "-mfloat-abi=hard"],
    *["-fomit-frame-pointer", "-Wno-unused-parameter", "-DKERNELS_OF_M7"],
]
GUARDED = ["-O3", "-D_GNU_SOURCE", "-DGUARDED"]


@dataclass
class Build:
    """A build of the core: the compiler and its flags, and the emulator that it runs in."""

    compiler: str
    flags: list[str]
    emulator: list[str]


def compiler_of_this_machine() -> str:
    return os.environ.get("CC", "cc")


def missing_for_m7() -> list[str]:
    """The programs for the kernels of a Cortex-M7 that are not here; see `make core-tools`."""
    return [name for name in (ARM_COMPILER, ARM_EMULATOR) if shutil.which(name) is None]


def builds() -> dict[str, Build]:
    """All builds that this machine can make and run. On x86, -mfma is taken where compiler and
    processor have it, as the firmware does.
    """
    compiler = compiler_of_this_machine()
    flags = {"sanitized": SANITIZE, "plain": ["-O3"]}
    if platform.machine() in ("x86_64", "AMD64", "i686"):
        macros = subprocess.run(
            [compiler, "-march=native", "-dM", "-E", "-x", "c", os.devnull],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        if "__FMA__" in macros and "__AVX2__" in macros:
            flags["fma"] = ["-O3", "-mavx2", "-mfma"]
    found = {name: Build(compiler, own, []) for name, own in flags.items()}
    if not missing_for_m7():
        library = subprocess.run(
            [ARM_COMPILER, "-print-file-name=libc.so.6"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        root = Path(library).resolve().parent.parent
        emulator = [ARM_EMULATOR, "-cpu", "cortex-a7", "-L", str(root)]
        found["m7-sanitized"] = Build(ARM_COMPILER, [*ARM, *SANITIZE], emulator)
        found["m7-guarded"] = Build(ARM_COMPILER, [*ARM, *GUARDED], emulator)
    return found


@dataclass
class Answer:
    """Result of a call and its arrays as they are afterwards (None for what was no array), in
    the order of the call.
    """

    result: int
    arrays: list[np.ndarray | None]

    def __getitem__(self, i: int) -> np.ndarray:
        array = self.arrays[i]
        assert array is not None
        return array


def build() -> Path:
    """The folder of all builds, made once for the same sources, compilers and flags: whoever comes
    meanwhile waits for the first. Older ones are removed.
    """
    sources = [*sorted(RIDGE.glob("ridge_*.c")), HERE / "reference.c", HERE / "serve.c"]
    wanted = builds()
    content = hashlib.sha256()
    for path in [*sources, *sorted(RIDGE.glob("*.h")), *sorted(HERE.glob("*.h"))]:
        content.update(path.read_bytes())
    for compiler in sorted({own.compiler for own in wanted.values()}):
        version = subprocess.run([compiler, "--version"], capture_output=True, check=True)
        content.update(version.stdout)
    content.update(repr((sorted(wanted.items()), WARNINGS, SAME_BITS)).encode())
    folder = BUILDS / content.hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (BUILDS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for old in BUILDS.iterdir():
            if old.is_dir() and old != folder:
                shutil.rmtree(old)
        compiles = {}
        for name, own in wanted.items():
            if (folder / name).exists():
                continue
            command = [own.compiler, *WARNINGS, *SAME_BITS, *own.flags, f"-I{RIDGE}"]
            command += map(str, sources)
            compiles[name] = subprocess.Popen(
                [*command, "-o", str(folder / f"{name}.new"), "-lm"],
                stderr=subprocess.PIPE,
                text=True,
            )
        for name, process in compiles.items():
            _, messages = process.communicate()
            if process.returncode != 0:
                raise RuntimeError(f"the {name} build of the core failed:\n{messages}")
            (folder / f"{name}.new").rename(folder / name)
    return folder


class Cores:
    """All builds of the core in a folder, or those named, each a process that answers calls; what
    they say of errors goes to files in `logs`."""

    def __init__(self, folder: Path, logs: Path, names: Collection[str] | None = None) -> None:
        self.folder, self.logs = folder, logs
        self._builds = {k: own for k, own in builds().items() if names is None or k in names}
        self._programs = {name: folder / name for name in self._builds}
        self._start()

    def _start(self) -> None:
        self._servers = {}
        for name, program in self._programs.items():
            with self._log(name).open("wb") as stderr:
                self._servers[name] = subprocess.Popen(
                    [*self._builds[name].emulator, str(program)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env={
                        **os.environ,
                        "UBSAN_OPTIONS": "print_stacktrace=1",
                        # The leak check wants ptrace, which qemu-arm has not.
                        "ASAN_OPTIONS": f"detect_leaks={int(not self._builds[name].emulator)}",
                    },
                )

    def _log(self, name: str) -> Path:
        return self.logs / f"core-{name}.{os.getpid()}.log"

    @property
    def names(self) -> list[str]:
        return list(self._servers)

    def close(self) -> None:
        """Ends the builds; an error (the leak check runs at the end) raises."""
        for name, server in self._servers.items():
            assert server.stdin
            assert server.stdout
            server.stdin.close()
            server.stdout.close()
            if server.wait() != 0:
                raise AssertionError(f"{name} build:\n{self._log(name).read_text()}")

    def call(self, function: str, *args: np.ndarray | float | None) -> Answer:
        """function(*args) in every build: ints as int64, floats as float64, arrays as their
        bytes, None as NULL.
        """
        request = _request(function, args)
        for name, server in self._servers.items():
            assert server.stdin
            try:
                server.stdin.write(request)
                server.stdin.flush()
            except BrokenPipeError:
                self._died(name, function)
        answers = {name: self._answer(name, function, args) for name in self._servers}
        first, *others = answers
        for other in others:
            assert answers[first].result == answers[other].result, (
                f"{function}: {first} answers {answers[first].result}, "
                f"{other} {answers[other].result}"
            )
            for i, (one, two) in enumerate(
                zip(answers[first].arrays, answers[other].arrays, strict=True)
            ):
                if one is None or two is None or i == WORKSPACE.get(function):
                    continue
                assert _bits(one) == _bits(two), (
                    f"{function}: the {first} and {other} builds differ in argument {i}:\n"
                    f"{one}\n{two}"
                )
        return answers[first]

    def _answer(self, name: str, function: str, args: tuple) -> Answer:
        result = struct.unpack("=q", self._read(name, function, 8))[0]
        arrays: list[np.ndarray | None] = []
        for arg in args:
            if isinstance(arg, np.ndarray):
                data = self._read(name, function, arg.nbytes)
                arrays.append(np.frombuffer(data, arg.dtype).reshape(arg.shape).copy())
            else:
                arrays.append(None)
        return Answer(result, arrays)

    def _read(self, name: str, function: str, count: int) -> bytes:
        stdout = self._servers[name].stdout
        assert stdout
        data = stdout.read(count)
        if len(data) != count:
            self._died(name, function)
        return data

    def _died(self, name: str, function: str) -> NoReturn:
        """One build stopped: says why, after starting all anew for the next test."""
        self._servers[name].wait()
        why = self._log(name).read_text()
        for server in self._servers.values():
            server.kill()
            server.communicate()
        self._start()
        raise AssertionError(f"{name} build, {function}:\n{why}")


def _bits(array: np.ndarray) -> bytes:
    """Its bytes, with one NaN for all: IEEE 754 leaves open which one an operation gives."""
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), np.nan, array).astype(array.dtype)
    return array.tobytes()


def _request(function: str, args: tuple) -> bytes:
    parts = [struct.pack("=I", len(function)), function.encode(), struct.pack("=I", len(args))]
    for arg in args:
        if arg is None:
            parts.append(b"n")
        elif isinstance(arg, np.ndarray):
            data = arg.tobytes()
            parts += [b"a", struct.pack("=I", len(data)), data]
        elif isinstance(arg, float | np.floating):
            parts += [b"f", struct.pack("=d", float(arg))]
        else:
            parts += [b"i", struct.pack("=q", int(arg))]
    return b"".join(parts)
