"""µFF without our firmware: `ridge` as a native module (make mpy) in MicroPython that was built
without it. The unix port is upstream's standard one, with doubles; the Cortex-M7 has float32."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import m7
import pytest
from builds import UNOPTIMISED
from conftest import DEVICE, DEVICE_TESTS, TOP
from mpremote import mip

from uff_host import patience
from uff_host.datasets import shapes
from uff_host.experiments.instructions import native_module
from uff_host.formats.model_file import read_model
from uff_host.formats.samples import Samples, read_samples, write_samples
from uff_host.progress import ignore
from uff_host.targets.qemu import MEMORY_BYTES, QEMU, QemuTarget
from uff_host.targets.serial import SerialTarget
from uff_host.targets.unix import UnixTarget
from uff_host.verification import verify

FIRMWARE = TOP / "firmware_build"
BUILD = FIRMWARE / "build"
NATMOD = FIRMWARE / "natmod"
HELPERS = ("uff_checks", "ridge_calls")


def scripts() -> list[Path]:
    """The device tests of the module and of the library that mip installs."""
    found = sorted([*DEVICE_TESTS.glob("ridge_*.py"), *DEVICE_TESTS.glob("uff_*.py")])
    return [
        path for path in found if path.stem not in HELPERS and "capture" not in path.read_text()
    ]


SCRIPTS = [pytest.param(path, id=path.stem) for path in scripts()]
NO_ARRAYS = ("uff_plan", "uff_power", "uff_samples")
ON_M7 = [path for path in scripts() if path.stem not in NO_ARRAYS]


def need(*tools: str, on: str = "") -> None:
    """Skips the test, saying what is missing by name."""
    missing = [tool for tool in ("make", *tools) if not shutil.which(tool)]
    if not importlib.util.find_spec("elftools"):
        missing.append("pyelftools")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (make mpy installs them)")
    if on and platform.machine() != on:
        pytest.skip(f"the unix port loads native modules on {on} alone, not {platform.machine()}")


@functools.cache
def make(*arguments: str) -> str:
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    done = patience.run(
        ["make", "--no-print-directory", *arguments], 600, cwd=FIRMWARE, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def package_maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("package", NATMOD / "package.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Folder:
    """Stands in for a board where mpremote only looks for files and writes them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fs_exists(self, name: str) -> bool:
        return (self.path / name.lstrip("/")).exists()

    def fs_mkdir(self, name: str) -> None:
        (self.path / name.lstrip("/")).mkdir()

    def fs_writefile(self, name: str, data: bytes, **_: object) -> None:
        (self.path / name.lstrip("/")).write_bytes(data)

    def install(self, package: Path) -> Path:
        mip._install_package(self, str(package), None, "", None, True)
        return self.path


def contents(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# ---- package.json ----


def test_package_json_lists_every_file_of_the_library() -> None:
    urls = json.loads((DEVICE / "package.json").read_text())["urls"]
    files = {path.relative_to(DEVICE).as_posix() for path in (DEVICE / "uff").rglob("*.py")}
    assert sorted(urls) == [[name, name] for name in sorted(files)], (
        "renew it: firmware_build/natmod/package.py --device"
    )


def test_packages_name_the_version_of_the_library() -> None:
    package = json.loads((DEVICE / "package.json").read_text())
    source = (DEVICE / "uff" / "__init__.py").read_text()
    assert f'__version__ = "{package["version"]}"' in source, (
        "renew it: firmware_build/natmod/package.py --device"
    )


def test_mpremote_installs_the_source_package(tmp_path: Path) -> None:
    Folder(tmp_path).install(DEVICE / "package.json")
    maker = package_maker()
    assert contents(tmp_path) == set(maker.files(maker.LIBRARY))
    assert (tmp_path / "uff/train.py").read_bytes() == (DEVICE / "uff/train.py").read_bytes()


def compiled(*names: str) -> set[str]:
    return {str(Path(path).with_suffix(".mpy")) for path in package_maker().files(names)}


def test_the_app_is_a_package_of_its_own(tmp_path: Path) -> None:
    need("arm-none-eabi-gcc")
    make("mpy")
    Folder(tmp_path).install(BUILD / "mpy/package-app.json")
    assert contents(tmp_path) == compiled("capture", "drivers")
    assert "capture/raster.mpy" in contents(tmp_path)


@pytest.mark.parametrize("name", ["package", "package-armv7emdp", "package-x64"])
def test_a_built_package_holds_the_library_and_one_ridge(name: str, tmp_path: Path) -> None:
    need("arm-none-eabi-gcc", on="x86_64")
    make("mpy")
    Folder(tmp_path).install(BUILD / f"mpy/{name}.json")
    assert contents(tmp_path) == {"ridge.mpy", *compiled("uff")}
    arch = (tmp_path / "ridge.mpy").read_bytes()[2] >> 2  # MP_NATIVE_ARCH_...
    assert arch == {"package": 7, "package-armv7emdp": 8, "package-x64": 2}[name]


# ---- unix ----


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess]:
    """stock(script, cwd): runs it in the standard unix port with what mip installs for it."""
    need("gcc", on="x86_64")
    make("unix-stock", "mpy-x64", UNOPTIMISED)
    installed = tmp_path_factory.mktemp("installed")
    shutil.copy(BUILD / "natmod/x64/ridge.mpy", installed)
    Folder(installed).install(DEVICE / "package.json")

    def run(script: Path, cwd: Path) -> subprocess.CompletedProcess:
        return patience.run(
            [BUILD / "unix-stock/micropython", "-X", "heapsize=30M", script],
            100,
            cwd=cwd,
            env={**os.environ, "MICROPYPATH": f"{installed}:{DEVICE_TESTS}"},
        )

    return run


def test_stock_unix_has_no_ridge_and_doubles(tmp_path: Path) -> None:
    need("gcc", on="x86_64")
    make("unix-stock", UNOPTIMISED)
    code = "print(1 / 3 == 0.3333333333333333)\nimport ridge"
    done = subprocess.run(
        [BUILD / "unix-stock/micropython", "-c", code],
        env={**os.environ, "MICROPYPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "True\n"
    assert "no module named 'ridge'" in done.stderr


def judged(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("ok ", "SKIP ", "FAIL "))]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_device_script_passes_on_stock_unix(
    script: Path, stock: Callable, run_device: Callable, tmp_path: Path
) -> None:
    native = stock(script, tmp_path)
    assert native.returncode == 0, native.stdout + native.stderr

    @functools.cache
    def ours() -> str:
        return str(run_device(script, tmp_path, heap="30M").stdout)

    if "run(globals())" in script.read_text():
        for line in judged(native.stdout):
            assert line.startswith("ok ") or "ulab" in line or line in judged(ours()), line
        assert len(judged(native.stdout)) == script.read_text().count("\ndef test_")
    elif script.stem != "ridge_class_layer":  # what Python computes there has doubles' last bits
        assert native.stdout == ours()


def test_a_network_trained_with_doubles_verifies(stock: Callable, tmp_path: Path) -> None:
    write_samples(tmp_path / "train.uffs", shapes.samples(60, 3))
    job = {"network": "uff2", "hidden": 100, "statistics": True, "lambda2": "loo"}
    (tmp_path / "job.json").write_text(json.dumps(job))
    done = stock(DEVICE / "scripts/train.py", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    report = verify(read_samples(tmp_path / "train.uffs"), read_model(tmp_path / "model.uffm"))
    assert report.ok, [check for check in report.checks if not check.ok]


IN_PLACE = """
import sys
import {module}
sys.modules["ridge"] = {module}
text = open({script!r}).read()
exec(text, {{"__name__": "__main__"}})
"""


@pytest.mark.parametrize("fma", ["with", "without"])
@pytest.mark.parametrize("name", ["ridge_values", "ridge_class_layer"])
def test_the_bits_are_those_of_the_module_built_in(
    name: str, fma: str, run_device: Callable, tmp_path: Path
) -> None:
    """In our firmware with its float32, in the place of its own module."""
    need("gcc", on="x86_64")
    make("mpy-x64")
    if fma == "with":
        module = BUILD / "natmod/x64/ridge.mpy"
    else:  # for a processor without it
        python = f"PYTHON={sys.executable}"
        found = dict(
            line.split(" = ") for line in (BUILD / "found.mk").read_text().splitlines() if line
        )
        where = ("-C", str(tmp_path), "-f", str(NATMOD / "Makefile"), "ARCH=x64", "FMA_FLAGS=")
        make(*where, python, f"MPY_DIR={found['MICROPYTHON']}")
        module = tmp_path / "ridge.mpy"
    shutil.copy(module, tmp_path / "native_ridge.mpy")
    script = DEVICE_TESTS / f"{name}.py"
    text = IN_PLACE.format(module="native_ridge", script=str(script))
    (tmp_path / "start.py").write_text(text)
    native, ours = run_device(tmp_path / "start.py", tmp_path), run_device(script, tmp_path)
    assert native.returncode == 0, native.stderr
    assert native.stdout == ours.stdout
    assert ours.stdout


# ---- Cortex-M7 ----


@pytest.fixture(scope="module")
def m7_stock() -> Path:
    need("arm-none-eabi-gcc", QEMU)
    make("m7-stock", "mpy")
    return BUILD / "m7-stock/firmware.elf"


@pytest.fixture(scope="module")
def board(m7_stock: Path) -> Iterator[QemuTarget]:
    """The image without ridge, with what mip installs on every Cortex-M4F and M7."""
    with m7.started(image=m7_stock, heap_bytes=MEMORY_BYTES) as target:
        native_module.put_package(target, BUILD / "mpy/package.json")
        for script in DEVICE_TESTS.glob("*.py"):  # they import one another
            target.put(script, script.name)
        yield target


@m7.each_script(ON_M7)
def test_a_device_script_says_on_stock_m7_what_it_says_on_unix(
    script: Path, names: list[str], board: QemuTarget, run_device: Callable, tmp_path: Path
) -> None:
    lines = m7.output_of(board, script, names)
    if not names:
        assert lines == run_device(script, tmp_path).stdout.splitlines()
    if script.stem == "ridge_kernels":
        assert not any(line.startswith("SKIP") for line in lines)  # both sets are there


def test_the_module_for_double_precision_gives_the_same_bits(
    m7_stock: Path, run_device: Callable, tmp_path: Path
) -> None:
    with m7.started(image=m7_stock) as target:
        native_module.put_package(target, BUILD / "mpy/package-armv7emdp.json")
        for name in ("uff_checks", "ridge_calls", "ridge_values"):
            target.put(DEVICE_TESTS / f"{name}.py", f"{name}.py")
        values = DEVICE_TESTS / "ridge_values.py"
        assert m7.output_of(target, values, []) == run_device(values, tmp_path).stdout.splitlines()


def test_the_native_module_costs_hardly_more_than_the_one_built_in(m7_stock: Path) -> None:
    def draw(k: int, n: int) -> Samples:
        return shapes.samples(n, 0, k)

    found = native_module.measure(draw, ["uff2"], [(3, 40)], {"leave_one_out": False}, ignore)
    (training,) = found.trainings
    assert training.built_in == sum(pair.built_in for pair in found.stages)
    assert training.native == sum(pair.native for pair in found.stages)
    assert 1 < training.ratio < 1.08
    ridge_bytes = found.memory[0]
    size = (BUILD / "natmod/armv7emsp/ridge.mpy").stat().st_size
    assert ridge_bytes.built_in < 100 < 0.9 * size < ridge_bytes.native < 1.2 * size


def test_mip_installs_on_stock_m7_and_a_training_gives_our_firmwares_model(
    m7_stock: Path, micropython: Path, tmp_path: Path
) -> None:
    job = {"network": "uff2", "hidden": 48, "seed": 7, "label_scale": 0.37, "statistics": True}
    samples = m7.squares(tmp_path / "small.uffs")

    def trained(target: SerialTarget | UnixTarget) -> bytes:
        target.put(samples, "train.uffs")
        target.run("train.py", job)
        target.get("model.uffm", tmp_path / "model.uffm")
        return (tmp_path / "model.uffm").read_bytes()

    with m7.held(image=m7_stock) as port:
        package = BUILD / "mpy/package.json"
        install = ["connect", port, "mip", "install", "--target", "", str(package)]
        patience.run([sys.executable, "-m", "mpremote", *install], 100, check=True)
        with SerialTarget(port, silence_s=60) as target:
            native = trained(target)
    with UnixTarget(micropython) as unix:
        assert native == trained(unix)


# ---- what the module brings along ----

LIBM = r"""
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

float own_frexpf(float, int *), own_ldexpf(float, int), own_fmaf(float, float, float);
float __aeabi_ul2f(uint64_t), __aeabi_l2f(int64_t);

static uint64_t state = 88172645463325252u;
static uint64_t chance(void) {
    state ^= state << 13; state ^= state >> 7; state ^= state << 17;
    return state * 2685821657736338717u;
}
static float any(void) { uint32_t u = chance() >> 32; float f; memcpy(&f, &u, 4); return f; }
// Near 1, near the smallest, few bits: where sums cancel, underflow and fall half way.
static float some(int kind) {
    static const float few[] = {0, -0.0f, 1, -1, 0x1p-149f, -0x1p-149f, 0x1p-126f, INFINITY, NAN,
        0x1.fffffep127f, 0x1.fffffep-127f, 0x1p-24f, 0x1.000002p0f, 3, 0x1p-75f, 0x1.000002p-75f};
    if (kind == 0) return any();
    if (kind == 1) return few[chance() >> 60];
    return ldexpf((float)(int32_t)(chance() >> 32 << (chance() >> 59)),
        kind == 2 ? -31 : (int)(chance() >> 58) - 150);
}
static int same(float a, float b) { return !memcmp(&a, &b, 4) || (a != a && b != b); }
#define CHECK(a, b) if (!same(a, b)) { if (++wrong < 5) printf("%s: %a %a\n", #a, a, b); }

int main(void) {
    int wrong = 0;
    for (long i = 0; i < 3000000; ++i) {
        volatile float a = some(i % 4), b = some(i / 4 % 4), c = some(i / 16 % 4);
        if (i % 5 == 0) c = -(float)((double)a * (double)b);
        CHECK(own_fmaf(a, b, c), fmaf(a, b, c))
        int e = 0, f = 0;
        CHECK(own_frexpf(a, &e), frexpf(a, &f))
        wrong += a - a == 0 && e != f;
        const int n = (int)(chance() % 700) - 350;
        CHECK(own_ldexpf(a, n), ldexpf(a, n))
        volatile uint64_t u = chance() >> (chance() >> 58);
        if (i % 3 == 0) u = u >> 40 << (chance() >> 58) | 1u << (i % 2);
        CHECK(__aeabi_ul2f(u), (float)u)
        CHECK(__aeabi_l2f((int64_t)u), (float)(int64_t)u)
    }
    CHECK(own_ldexpf(1, 2147483647), INFINITY)
    CHECK(own_ldexpf(1, -2147483647 - 1), 0.0f)
    printf("%d wrong\n", wrong);
    return wrong != 0;
}
"""


def test_its_libm_rounds_as_the_hosts(tmp_path: Path) -> None:
    if not shutil.which("gcc"):
        pytest.skip("not installed: gcc")
    (tmp_path / "check.c").write_text(LIBM)
    flags = ["-std=c99", "-O2", "-ffp-contract=off", "-fno-builtin", "-Wall", "-Werror"]
    renamed = [f"-D{name}=own_{name}" for name in ("frexpf", "ldexpf", "fmaf")]
    own = ["-U__FP_FAST_FMAF", *renamed, "-c", str(NATMOD / "libm.c"), "-o", "libm.o"]
    subprocess.run(["gcc", *flags, *own], cwd=tmp_path, check=True)
    both = ["check.c", "libm.o", "-o", "check", "-lm"]
    subprocess.run(["gcc", *flags, *both], cwd=tmp_path, check=True)
    ran = subprocess.run([tmp_path / "check"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    assert ran.stdout == "0 wrong\n"
