#!/usr/bin/env python3
"""Writes the firmware of the STM32H747I-DISCO to the board, through its ST-LINK.

    deploy.py [--method METHOD] [--volume FOLDER] [--look] BUILD

BUILD holds firmware.bin and firmware.hex. Methods, the first that is at hand if none is named:

    drag            copies firmware.bin to the drive DIS_H747XI that the ST-LINK shows, or FOLDER
    st-flash        of stlink-tools
    openocd
    cubeprogrammer  STM32_Programmer_CLI, from the PATH, from $STM32_CUBE_PROGRAMMER/bin or from
                    where its installer puts it

--look only says which method it would be. Each command is shown before it runs. Standard library
only; Linux and macOS.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

DRIVE = "DIS_H747XI"
DETAILS, FAILURE = "DETAILS.TXT", "FAIL.TXT"  # what an ST-LINK's drive holds, and gets
FAILURE_S = 5  # how long to watch for the latter
ADDRESS = "0x08000000"
ST, ST_LINKS = "0483", ("374b", "374d", "374e", "374f", "3752", "3753", "3754", "3755", "3757")
METHODS = ("drag", "st-flash", "openocd", "cubeprogrammer")
TOOLS = {"st-flash": "st-flash", "openocd": "openocd", "cubeprogrammer": "STM32_Programmer_CLI"}
CUBE_FOLDERS = (
    "~/STMicroelectronics/STM32Cube/STM32CubeProgrammer/bin",
    "/Applications/STMicroelectronics/STM32Cube/STM32CubeProgrammer/"
    "STM32CubeProgrammer.app/Contents/MacOs/bin",
)


class DeployError(Exception):
    """The firmware cannot be written; the message is a sentence for people."""


def st_links(usb):
    """Product numbers of the ST-LINKs on USB, or None where this system does not tell."""
    if not usb.is_dir():
        return None
    found = []
    for device in usb.iterdir():
        try:
            vendor = (device / "idVendor").read_text().strip()
            product = (device / "idProduct").read_text().strip()
        except OSError:
            continue
        if vendor == ST and product in ST_LINKS:
            found.append(product)
    return found


def drives(mounts):
    """Mounted folders: of /proc/mounts, or those in /Volumes."""
    if not mounts.exists():
        return sorted(Path("/Volumes").glob("*"))
    lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    return [Path(line.split()[1].replace("\\040", " ")) for line in lines if " " in line]


def find_drive(given, mounts):
    """The ST-LINK's drive, or None. DeployError where the folder that was given is none."""
    if given:
        if not (given / DETAILS).exists():
            raise DeployError(f"VOLUME={given}: no drive of an ST-LINK, it has no {DETAILS}")
        return given
    for folder in drives(mounts):
        if folder.name == DRIVE and (folder / DETAILS).exists():
            return folder
    return None


def find_tool(method):
    """Path of the method's program, or None."""
    name = TOOLS[method]
    folders = [os.environ.get("PATH", "")]
    if method == "cubeprogrammer":
        if os.environ.get("STM32_CUBE_PROGRAMMER"):
            folders.append(f"{os.environ['STM32_CUBE_PROGRAMMER']}/bin")
        folders += [os.path.expanduser(folder) for folder in CUBE_FOLDERS]
    return shutil.which(name, path=os.pathsep.join(folders))


def command(method, tool, build):
    """What a method runs. All write the M7's bank alone and start the board afterwards."""
    binary, image = build / "firmware.bin", build / "firmware.hex"
    if method == "st-flash":
        return [tool, "--connect-under-reset", "--reset", "write", binary, ADDRESS]
    if method == "openocd":
        # The board's file of OpenOCD knows both banks and the ST-LINK.
        program = f"program {{{image}}} verify reset exit"
        return [tool, "-f", "board/stm32h747i-disco.cfg", "-c", program]
    return [tool, "-c", "port=SWD", "mode=UR", "-d", image, "-v", "-hardRst"]


def choose(args):
    """(method, drive or tool); DeployError where there is none, or no board."""
    drive = find_drive(args.volume, args.mounts)
    if not drive and st_links(args.usb) == []:
        raise DeployError(
            "no ST-LINK is on USB; connect the board's micro-USB socket CN2 (STLK), with a cable "
            "that carries data"
        )
    wanted = METHODS if not args.method else (args.method,)
    for method in wanted:
        found = drive if method == "drag" else find_tool(method)
        if found:
            return method, found
    if args.method == "drag":
        raise DeployError(f"no drive {DRIVE} is mounted; mount it, or name it: VOLUME=folder")
    if args.method:
        raise DeployError(f"{TOOLS[args.method]} is not installed, or not on the PATH")
    raise DeployError(
        f"no drive {DRIVE} is mounted and neither st-flash nor openocd nor STM32_Programmer_CLI "
        "is installed; mount the drive, or install one of them"
    )


def drag(drive, binary):
    print(f"deploy: cp {binary} {drive}/", flush=True)
    target = drive / binary.name
    with binary.open("rb") as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)
        file.flush()
        os.fsync(file.fileno())
    # The drive vanishes while the ST-LINK writes, and comes back with a file if it could not.
    for _ in range(round(10 * FAILURE_S)):
        time.sleep(0.1)
        if (drive / FAILURE).exists():
            why = " ".join((drive / FAILURE).read_text(errors="replace").split())
            raise DeployError(
                f"the ST-LINK says: {why}. Another METHOD, which connects under reset, may do"
            )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", choices=METHODS)
    parser.add_argument("--volume", type=Path)
    parser.add_argument("--look", action="store_true", help="only say how it would be done")
    parser.add_argument("--usb", type=Path, default=Path("/sys/bus/usb/devices"))
    parser.add_argument("--mounts", type=Path, default=Path("/proc/mounts"))
    parser.add_argument("build", type=Path)
    args = parser.parse_args(arguments)
    try:
        method, found = choose(args)
        if args.look:
            print(f"deploy: by {method}, {found}")
            return
        for name in ("firmware.bin", "firmware.hex"):
            if not (args.build / name).exists():
                raise DeployError(
                    f"{args.build / name} is not there; first: make firmware "
                    "BOARD=STM32H747I_DISCO"
                )
        if method == "drag":
            drag(found, args.build / "firmware.bin")
        else:
            words = [str(word) for word in command(method, found, args.build)]
            print("deploy:", *(f"'{word}'" if " " in word else word for word in words), flush=True)
            status = subprocess.run(words, check=False).returncode
            if status:
                raise DeployError(
                    f"{Path(found).name} ended with status {status}, see above, and "
                    "Recovery in docs/stm32h747i_disco.md"
                )
        print("deploy: written, the board starts")
    except (DeployError, OSError) as error:
        sys.exit(f"deploy: {error}")


if __name__ == "__main__":
    main()
