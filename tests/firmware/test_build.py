"""The build: where sources come from, what is refused, what a change rebuilds, the set-up."""

from __future__ import annotations

import hashlib
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from builds import UNOPTIMISED, load, script, write

from uff_host import patience

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / "firmware_build"
FILES = (
    "micropython_1.25.0+ds-1.dsc",
    "micropython_1.25.0+ds.orig.tar.xz",
    "micropython_1.25.0+ds-1.debian.tar.xz",
)


def sh(*command: str | Path, cwd: Path) -> str:
    return subprocess.run(
        command, cwd=cwd, check=True, capture_output=True, text=True
    ).stdout.strip()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def git_upstream(folder: Path, files: dict[str, str]) -> str:
    """A git repository with one commit; its hash."""
    for name, text in files.items():
        write(folder / name, text)
    sh("git", "init", "-q", cwd=folder)
    sh("git", "add", ".", cwd=folder)
    who = ("-c", "user.name=t", "-c", "user.email=t@t.invalid", "-c", "commit.gpgsign=false")
    sh("git", *who, "commit", "-qm", "one", cwd=folder)
    return sh("git", "rev-parse", "HEAD", cwd=folder)


class World:
    """A small source package behind a stand-in for apt-get, upstreams in git, an empty cache."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.mirror, self.cache, self.out = root / "mirror", root / "cache", root / "build"
        self.calls = root / "calls"  # every start of apt-get, one a line
        self.micropython_git, self.ulab_git = root / "micropython-git", root / "ulab-git"
        self._make_package(root / "package")
        self.sources = {
            "MICROPYTHON_VERSION": "1.25.0",
            "MICROPYTHON_URL": self.micropython_git.as_uri(),
            "MICROPYTHON_COMMIT": "1" * 40,
            "DEBIAN_VERSION": "1.25.0+ds-1",
            "DEBIAN_SUITES": "trixie sid",
            "ULAB_VERSION": "6",
            "ULAB_URL": self.ulab_git.as_uri(),
            "ULAB_COMMIT": "2" * 40,
            "DEBIAN_DSC_SHA256": sha256(self.mirror / FILES[0]),
            "DEBIAN_ORIG_SHA256": sha256(self.mirror / FILES[1]),
            "DEBIAN_PATCHES_SHA256": sha256(self.mirror / FILES[2]),
        }
        self.sources |= {
            f"NEWEST_{name}": value
            for name, value in self.sources.items()
            if name.startswith(("MICROPYTHON", "DEBIAN"))
        }
        self.apt(f"cp {self.mirror}/* .", root / "bin")
        self.bin = root / "bin"
        self.fetch = load("fetch")
        monkeypatch.setenv("PATH", f"{self.bin}:{os.environ['PATH']}")
        monkeypatch.setenv("UFF_CACHE", str(self.cache))
        monkeypatch.delenv("MICROPYTHON_DIR", raising=False)
        monkeypatch.delenv("ULAB_DIR", raising=False)
        monkeypatch.setattr(self.fetch, "KEYRING", Path("/dev/null"))
        self.monkeypatch = monkeypatch

    def _make_package(self, folder: Path) -> None:
        tree = folder / "micropython-1.25.0+ds"
        write(tree / "py/mpconfig.h", "// small\n")
        write(tree / "ports/unix/Makefile", "all:\n")
        sh("tar", "cJf", FILES[1], tree.name, cwd=folder)
        write(tree / "debian/source/format", "3.0 (quilt)\n")
        write(
            tree / "debian/control",
            "Source: micropython\nMaintainer: T <t@t.invalid>\n\n"
            "Package: micropython\nArchitecture: any\nDescription: t\n",
        )
        write(
            tree / "debian/changelog",
            "micropython (1.25.0+ds-1) sid; urgency=low\n\n  * t\n\n"
            " -- T <t@t.invalid>  Thu, 01 Jan 1970 00:00:00 +0000\n",
        )
        sh("dpkg-source", "-b", tree.name, cwd=folder)
        self.mirror.mkdir()
        for name in FILES:
            shutil.copy(folder / name, self.mirror)

    def apt(self, source: str, folder: Path | None = None) -> None:
        """Sets what `apt-get source` does, in shell."""
        script(
            (folder or self.bin) / "apt-get",
            f'echo "$@" >>{self.calls}\ncase "$*" in\n'
            "*indextargets*) echo 'http://mirror.invalid/debian/ stable' ;;\n"
            f"*' source '*) {source} ;;\nesac",
        )

    def run(self, *options: str) -> dict[str, str]:
        """Runs fetch.py; what found.mk then says."""
        lines = "".join(f"{key} = {value}\n" for key, value in self.sources.items())
        path = write(self.out.parent / "sources.mk", lines)
        arguments = ["fetch.py", *options, "--sources", str(path), str(self.out)]
        self.monkeypatch.setattr(sys, "argv", arguments)
        self.fetch.main()
        name = "found-newest.mk" if "--newest" in options else "found.mk"
        text = (self.out / name).read_text(encoding="utf-8")
        return dict(re.findall(r"^(\w+) = (.*)$", text, re.MULTILINE))

    def downloads(self) -> int:
        return self.calls.read_text().count(" source ") if self.calls.exists() else 0


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    if not shutil.which("dpkg-source"):
        pytest.skip("no dpkg-source on this machine: the firmware comes from upstream's git here")
    return World(tmp_path, monkeypatch)


# ---- MicroPython ----


def test_source_package_is_fetched_and_unpacked(world: World) -> None:
    tree = Path(world.run()["MICROPYTHON"])
    assert (tree / "py/mpconfig.h").read_text() == "// small\n"
    assert (tree / "debian/changelog").exists()


def test_second_run_fetches_nothing_and_writes_nothing(world: World) -> None:
    world.run()
    calls, written = world.calls.read_text(), (world.out / "found.mk").stat().st_mtime_ns
    world.run()
    assert world.calls.read_text() == calls
    assert (world.out / "found.mk").stat().st_mtime_ns == written


def test_clean_checkout_is_served_from_the_cache(world: World) -> None:
    world.run()
    shutil.rmtree(world.out)
    assert Path(world.run()["MICROPYTHON"], "py/mpconfig.h").exists()
    assert world.downloads() == 1


@pytest.mark.parametrize("name", FILES)
def test_file_with_another_hash_is_refused(world: World, name: str) -> None:
    with (world.mirror / name).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(SystemExit, match=re.escape(f"{name} is refused: its SHA-256 is")):
        world.run()
    assert not list(world.cache.glob("**/*.dsc"))
    assert not (world.out / "src").exists()
    assert not (world.out / "found.mk").exists()


def test_damaged_cache_is_fetched_again(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.run()
    shutil.rmtree(world.out)
    (cached,) = world.cache.glob("**/*.orig.tar.xz")
    data = bytearray(cached.read_bytes())
    data[len(data) // 2] ^= 1
    cached.write_bytes(data)
    assert Path(world.run()["MICROPYTHON"], "py/mpconfig.h").exists()
    assert "fetching again" in capsys.readouterr().out
    assert world.downloads() == 2
    assert sha256(cached) == world.sources["DEBIAN_ORIG_SHA256"]


def test_broken_off_download_leaves_nothing_behind(world: World) -> None:
    world.apt(f"head -c 100 {world.mirror / FILES[1]} >{FILES[1]}; exit 100")
    with pytest.raises(SystemExit, match="no source of MicroPython"):
        world.run()
    assert [path.name for path in (world.cache / "sources").iterdir()] == ["lock"]
    world.apt(f"cp {world.mirror}/* .")
    world.run()


def test_next_suite_is_asked_where_one_has_another_version(world: World) -> None:
    source_list = r"""$(echo "$*" | sed 's/.*SourceList=\([^ ]*\).*/\1/')"""
    world.apt(f'grep -q "debian/ sid main" "{source_list}" || exit 100; cp {world.mirror}/* .')
    assert Path(world.run()["MICROPYTHON"], "py/mpconfig.h").exists()
    assert world.downloads() == 2


def test_upstream_commit_is_taken_where_apt_has_nothing(world: World) -> None:
    world.apt("exit 100")
    world.sources["MICROPYTHON_COMMIT"] = git_upstream(
        world.micropython_git, {"py/mpconfig.h": "// upstream\n"}
    )
    tree = Path(world.run()["MICROPYTHON"])
    assert (tree / "py/mpconfig.h").read_text() == "// upstream\n"


def test_damaged_git_cache_is_fetched_again(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.apt("exit 100")
    world.sources["MICROPYTHON_COMMIT"] = git_upstream(
        world.micropython_git, {"py/mpconfig.h": "// upstream\n"}
    )
    world.run()
    shutil.rmtree(world.out)
    for path in world.cache.glob("**/objects/**/*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(path.read_bytes()[:-4] + b"oops")
    assert Path(world.run()["MICROPYTHON"], "py/mpconfig.h").exists()
    assert "is damaged; fetching again" in capsys.readouterr().out


# ---- the newest release ----


def test_the_newest_release_is_upstreams(world: World) -> None:
    world.sources["NEWEST_MICROPYTHON_COMMIT"] = commit = git_upstream(
        world.micropython_git, {"py/mpconfig.h": "// newer\n"}
    )
    found = world.run("--newest")
    assert Path(found["MICROPYTHON"], "py/mpconfig.h").read_text() == "// newer\n"
    assert found["MICROPYTHON"].endswith(commit[:12])
    assert found["ULAB"] == ""
    assert world.downloads() == 0
    assert Path(world.run()["MICROPYTHON"], "py/mpconfig.h").read_text() == "// small\n"


def test_debians_newest_stands_in_where_upstream_is_out_of_reach_and_is_asked_a_day_later(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.run("--newest")["MICROPYTHON"].endswith("micropython-1.25.0+ds-1")
    world.sources["NEWEST_MICROPYTHON_COMMIT"] = commit = git_upstream(
        world.micropython_git, {"py/mpconfig.h": "// newer\n"}
    )
    failed = write(world.cache / f"sources/micropython-{commit[:12]}.failed", "out of reach")
    capsys.readouterr()
    assert world.run("--newest")["MICROPYTHON"].endswith("micropython-1.25.0+ds-1")
    assert capsys.readouterr().out == ""

    day_ago = time.time() - 24 * 3600 - 1
    os.utime(failed, (day_ago, day_ago))
    assert world.run("--newest")["MICROPYTHON"].endswith(commit[:12])
    assert not failed.exists()


def test_a_newest_release_that_cannot_be_had_is_a_sentence(world: World) -> None:
    world.apt("exit 100")
    with pytest.raises(
        SystemExit, match=r"newest MicroPython can be had[^$]*upstream: .*\n  Debi"
    ):
        world.run("--newest")


# ---- folders of the user's own ----


def test_given_folders_are_used_as_they_are(world: World, tmp_path: Path) -> None:
    write(tmp_path / "mp/py/mpconfig.h", "")
    write(tmp_path / "ulab/code/micropython.mk", "")
    world.monkeypatch.setenv("MICROPYTHON_DIR", str(tmp_path / "mp"))
    world.monkeypatch.setenv("ULAB_DIR", str(tmp_path / "ulab"))
    assert world.run() == {"MICROPYTHON": f"{tmp_path}/mp", "ULAB": f"{tmp_path}/ulab"}
    assert world.downloads() == 0


@pytest.mark.parametrize(
    ("variable", "marker"),
    [("MICROPYTHON_DIR", "py/mpconfig.h"), ("ULAB_DIR", "code/micropython.mk")],
)
@pytest.mark.parametrize("given_to", ["make", "environment"])
def test_wrong_folder_gives_a_sentence(
    tmp_path: Path, variable: str, marker: str, given_to: str
) -> None:
    write(tmp_path / "mp/py/mpconfig.h", "")
    folders = {"MICROPYTHON_DIR": f"{tmp_path}/mp", variable: f"{tmp_path}/none"}
    command = ["make", "-C", str(BUILD), "unix", f"OUT={tmp_path}/out"]
    done = patience.run(
        command + [f"{n}={v}" for n, v in folders.items() if given_to == "make"],
        60,
        env=quiet_environment() | {"UFF_CACHE": str(tmp_path / "cache")} | folders,
    )
    assert done.returncode != 0
    assert f"fetch: {variable}={tmp_path}/none: " in done.stderr
    assert f"it holds no {marker}" in done.stderr
    assert "Traceback" not in done.stderr
    assert "No such file" not in done.stderr


# ---- ulab ----


def test_ulab_out_of_reach_is_reported_once_and_asked_again_a_day_later(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.run()["ULAB"] == ""
    assert "the firmware is built without it" in capsys.readouterr().out
    files = {"code/micropython.mk": "#\n"}
    world.sources["ULAB_COMMIT"] = commit = git_upstream(world.ulab_git, files)
    failed = world.cache / f"sources/ulab-{commit[:12]}.failed"
    failed.write_text("")

    assert world.run()["ULAB"] == ""
    assert "ulab" not in capsys.readouterr().out

    day_ago = time.time() - 24 * 3600 - 1
    os.utime(failed, (day_ago, day_ago))
    assert Path(world.run()["ULAB"], "code/micropython.mk").exists()
    assert not failed.exists()


def test_retry_asks_for_ulab_at_once(world: World) -> None:
    files = {"code/micropython.mk": "#\n"}
    world.sources["ULAB_COMMIT"] = commit = git_upstream(world.ulab_git, files)
    write(world.cache / f"sources/ulab-{commit[:12]}.failed", "")
    assert world.run()["ULAB"] == ""
    assert world.run("--retry")["ULAB"] != ""


# ---- make ----


def quiet_environment() -> dict[str, str]:
    """Without what a make above pytest has left in the environment."""
    names = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES"}
    return {name: value for name, value in os.environ.items() if name not in names}


def make_unix(*options: str) -> str:
    done = patience.run(
        ["make", "--no-print-directory", "-C", str(BUILD), "unix", *options],
        300,
        env=quiet_environment(),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def found(variable: str) -> str:
    """What make in the checkout has found: a folder, or nothing."""
    text = (BUILD / "build/found.mk").read_text()
    return re.findall(f"^{variable} = (.*)$", text, re.MULTILINE)[0]


def make_in(out: Path) -> str:
    sources = (f"MICROPYTHON_DIR={found('MICROPYTHON')}", f"ULAB_DIR={found('ULAB')}")
    return make_unix(f"OUT={out}", UNOPTIMISED, *sources)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where these tests build, beginning with what `make unix` has built: the checkout's own
    firmware is in use by others meanwhile."""
    out = tmp_path_factory.mktemp("build") / "out"
    make_unix()
    shutil.copytree(BUILD / "build/unix", out / "unix")
    for dependencies in out.rglob("*.P"):  # they name each object by its whole path
        text = dependencies.read_text()
        dependencies.write_text(text.replace(str(BUILD / "build"), str(out)))
    # As do these what is found in a source.
    here, there = (str(path).replace("/", "__") for path in (BUILD / "build", out))
    for path in [*(out / "unix/genhdr").rglob(f"{here}__*")]:
        path.rename(path.with_name(path.name.replace(here, there)))
    return out


@pytest.fixture
def built(out: Path) -> Path:
    """The folder of the unix port, all up to date."""
    make_in(out)
    return out / "unix"


def children_s() -> float:
    """Processor time of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_nothing_to_do_takes_no_time_and_one_line(built: Path) -> None:
    before = children_s()
    line = make_in(built.parent)
    assert re.fullmatch(r"unix: \S+/unix/micropython is up to date \(with(out)? ulab\)\n", line)
    # Of processor time: 0.4 s, and 20 s for a build.
    assert children_s() - before < 5


@pytest.mark.parametrize(
    ("changed", "rebuilt"),
    [
        ("firmware_build/ridge/ridge_float.c", {"ridge/ridge_float.o"}),
        ("firmware_build/ridge/modridge.c", {"ridge/modridge.o"}),
        ("device/uff/embed.py", {"frozen_content.o"}),
    ],
)
def test_touched_file_rebuilds_only_what_it_must(
    built: Path, changed: str, rebuilt: set[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in built.rglob("*.o")}
    was = (TOP / changed).stat()
    (TOP / changed).touch()
    try:
        assert " built " in make_in(built.parent)
    finally:  # other builds are up to date still
        os.utime(TOP / changed, ns=(was.st_atime_ns, was.st_mtime_ns))
    newer = {path for path in built.rglob("*.o") if path.stat().st_mtime_ns != before.get(path)}
    assert {str(path.relative_to(built)) for path in newer} == rebuilt


def test_firmware_has_what_the_device_code_uses(built: Path) -> None:
    program = (
        "import array, asyncio, binascii, deflate, framebuf, hashlib, json, machine, os, struct\n"
        "import time, uctypes, ridge, uff\n"
        "import gc, micropython, sys\n"
        "array.array('q', [1 << 40]), binascii.crc32(b''), hashlib.sha256, uctypes.bytearray_at\n"
        "os.sync(), os.statvfs('.'), os.rename, micropython.mem_peak(), micropython.mem_info()\n"
        "assert 16777216.0 + 1.0 == 16777216.0, 'floats are not 32 bits wide'\n"
        "assert not hasattr(sys, 'settrace')\n"
        "print(uff.__file__)\n"
    )
    done = patience.run(
        [str(built / "micropython"), "-c", program], 20, env={"MICROPYPATH": ".frozen"}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "uff/__init__.py"


SMALL_PORT = """all: $(BUILD)/micropython
$(BUILD)/micropython:
\tls $(USER_C_MODULES) >$@
"""


def test_ulab_comes_and_goes(world: World, tmp_path: Path) -> None:
    """In a port that lists the modules it is given: what make begins anew."""
    tree, ulab, out = tmp_path / "small", tmp_path / "ulab", tmp_path / "out"
    write(tree / "py/mpconfig.h", "")
    write(tree / "ports/unix/Makefile", SMALL_PORT)
    write(ulab / "code/micropython.mk", "")
    # No upstream to ask: whether this machine has a network must not matter.
    commit = load("fetch").read_sources(BUILD / "sources.mk")["ULAB_COMMIT"]
    write(world.cache / f"sources/ulab-{commit[:12]}.failed", "")
    for given, does in ((ulab, "built"), (ulab, "is up to date"), ("", "built"), (ulab, "built")):
        line = make_unix(f"OUT={out}", f"MICROPYTHON_DIR={tree}", f"ULAB_DIR={given}")
        assert line.endswith(f" {does} ({'with' if given else 'without'} ulab)\n")
        modules = (out / "unix/micropython").read_text().split()
        assert modules == (["ridge", "ulab"] if given else ["ridge"])


@pytest.mark.slow
def test_a_firmware_has_ulab_and_given_sources_stay_untouched(tmp_path: Path) -> None:
    tree, ulab = Path(found("MICROPYTHON")), tmp_path / "ulab"
    write(
        ulab / "code/ulab.c",
        '#include "py/obj.h"\n'
        "static const mp_rom_map_elem_t table[] = {\n"
        "    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_ulab) } };\n"
        "static MP_DEFINE_CONST_DICT(globals, table);\n"
        "const mp_obj_module_t module = { { &mp_type_module }, (mp_obj_dict_t *)&globals };\n"
        "MP_REGISTER_MODULE(MP_QSTR_ulab, module);\n",
    )
    write(ulab / "code/micropython.mk", "SRC_USERMOD += $(USERMOD_DIR)/ulab.c\n")

    def listing() -> dict[Path, int]:
        files = (path for folder in (tree, ulab) for path in folder.rglob("*"))
        return {path: path.stat().st_mtime_ns for path in files}

    before = listing()
    out = tmp_path / "out"
    options = (f"OUT={out}", f"MICROPYTHON_DIR={tree}", f"ULAB_DIR={ulab}", "COPT=-O0")
    assert " built (with ulab)" in make_unix(*options)
    command = [str(out / "unix/micropython"), "-c", "import ulab"]
    assert subprocess.run(command, check=False).returncode == 0
    assert listing() == before


# ---- set-up ----


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder for PATH: all that set-up looks for but npm, and an apt-get that only logs."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "python3").symlink_to(sys.executable)
    for name in ("awk", "cat", "cksum", "gcc", "dpkg-source", "id", "make", "sh"):
        path = shutil.which(name)
        if path:
            (tools / name).symlink_to(path)
        else:
            script(tools / name, "exit 0")
    script(tools / "apt-get", f'case "$*" in *install*) echo "$*" >>{tmp_path}/apt ;; esac')
    return tools


def make_tools(machine: Path) -> subprocess.CompletedProcess[str]:
    return patience.run(
        [shutil.which("make") or "make", "tools"], 60, cwd=TOP, env={"PATH": str(machine)}
    )


def test_user_is_told_what_to_install(machine: Path) -> None:
    (machine / "id").unlink()
    script(machine / "id", "echo 1000")
    done = make_tools(machine)
    assert done.returncode != 0
    assert "something is missing, please run: sudo apt-get install npm\n" in done.stderr


def test_root_gets_only_what_is_missing(machine: Path, tmp_path: Path) -> None:
    (machine / "id").unlink()
    script(machine / "id", "echo 0")
    assert make_tools(machine).stdout == "setup: installing npm\n"
    (installed,) = (tmp_path / "apt").read_text().splitlines()
    assert installed.endswith(" npm")


def test_nothing_is_installed_where_nothing_is_missing(machine: Path, tmp_path: Path) -> None:
    script(machine / "npm", "exit 0")
    done = make_tools(machine)
    assert (done.returncode, done.stdout) == (0, "")
    assert not (tmp_path / "apt").exists()


def test_help_lists_the_front_door() -> None:
    text = sh("make", "help", cwd=TOP)
    for target in ("setup", "demo", "test", "table", "check", "firmware", "unix", "clean"):
        assert re.search(rf"^make {target} +\w", text, re.MULTILINE), target
