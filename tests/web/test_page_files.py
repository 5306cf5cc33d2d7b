"""Drawings and networks out of the page and back, from a tab's board and from a virtual board."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from board import Board, Serial
from pages import each_page, place, stop, teach, type_in, until, url, visit
from PIL import Image

from uff_host.formats.samples import Samples, read_samples
from uff_host.handwriting import Writer
from uff_host.virtual_board import browser_driver
from uff_host.virtual_board.browser_driver import PageDriver

__all__ = ["place", "url"]
pytestmark = pytest.mark.usefixtures("micropython")

# What the page gives to be saved is kept; no dialogue, no disk.
CATCH = """(window.saved = {}, URL.createObjectURL = (blob) => (window.blob = blob, "data:,"),
HTMLAnchorElement.prototype.click = function () {
  const name = this.download;
  window.blob.arrayBuffer().then((all) => {
    let text = "";
    for (const byte of new Uint8Array(all)) text += String.fromCharCode(byte);
    window.saved[name] = btoa(text);
  });
}, 0)"""
DROP = """files => {
  const carried = new DataTransfer();
  for (const [name, text] of files) {
    carried.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name));
  }
  const event = new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true });
  document.body.dispatchEvent(event);
  return event.defaultPrevented;
}"""
GOES_ON = "The application was stopped for it, and runs again."


async def status(driver: PageDriver) -> str:
    """What the page says when it is done."""
    await driver.until("!board.files.working")
    text = await driver.page.evaluate("document.getElementById('files-status').textContent")
    return str(text)


async def saved(driver: PageDriver, button: str, name: str) -> bytes:
    """The file that a button saves."""
    await driver.page.evaluate(f"(delete saved['{name}'], 0)")
    await driver.page.locator(f"#{button}").click()
    text = await status(driver)
    assert text.startswith(f"Saved {name}"), text
    await driver.until(f"'{name}' in saved")
    return base64.b64decode(await driver.page.evaluate(f"saved['{name}']"))


async def drop(driver: PageDriver, **files: bytes) -> str:
    """Drop files named as name_ending; what the page says then."""
    carried = [
        [name.replace("_", "."), base64.b64encode(data).decode()] for name, data in files.items()
    ]
    assert await driver.page.evaluate(DROP, carried)
    return await status(driver)


def samples(data: bytes, folder: Path) -> Samples:
    path = folder / "found.uffs"
    path.write_bytes(data)
    return read_samples(path)


@each_page
def test_drawings_and_network_go_out_and_come_back(
    browser: str, place: str, tmp_path: Path
) -> None:
    async def work() -> None:
        async with visit(browser, place) as driver:
            page, writer = driver.page, Writer(4)
            await page.evaluate(CATCH)
            assert "no network yet" in await complaint(driver, "save-network")
            await teach(driver, writer, 2)
            await driver.settle()
            drawings = await saved(driver, "save-drawings", "drawings.uffs")
            found = samples(drawings, tmp_path)
            assert (list(found.counts()), found.class_names) == ([2, 2, 2], ["1", "2", "3"])
            pictures = await saved(driver, "save-pictures", "drawings.zip")
            check_pictures(pictures, found)
            await driver.settle()
            # Not while the last drawing is being learnt: an older network is refused with it.
            await driver.until("!document.querySelector('#led0').classList.contains('on')")
            network = await saved(driver, "save-network", "drawings.uffm")

            # Others take their place, while the application is at work.
            await driver.settle()
            await teach(driver, writer, 1)
            await driver.press("train")
            text = await drop(driver, a_uffs=drawings, b_uffm=network)
            wanted = "6 drawings in 3 classes now. The network is the one that was opened."
            assert text == f"{wanted} {GOES_ON}"
            await driver.until("document.getElementById('state').textContent === 'running'")
            await driver.settle()
            assert await saved(driver, "save-drawings", "drawings.uffs") == drawings
            assert await saved(driver, "save-network", "drawings.uffm") == network

            # Bad files.
            for files, wanted in (
                ({"notes_txt": b"hello"}, "notes.txt: want drawings (.uffs, or a .zip of PNGs)"),
                (
                    {"a_uffs": drawings[:-9]},
                    "The file of drawings is damaged: 1 records are lost.",
                ),
                ({"a_uffs": drawings[:9]}, "This is no file of drawings, or it is damaged"),
                ({"a_uffm": network[:-1]}, "This is no network, or it is damaged."),
                ({"a_uffs": drawings, "b_uffs": drawings}, "Two of the files hold drawings"),
                ({"a_zip": pictures[:-9]}, "The zip is damaged"),
                ({"a_zip": archive({"1/a.txt": b""})}, "The zip has no pictures"),
                ({"a_zip": archive({"1/a.png": grey(8)})}, "1/a.png: want a PNG of 28 x 28"),
            ):
                text = await drop(driver, **files)
                assert text.startswith(wanted), text
                assert text.endswith("Nothing was changed."), text
            await driver.settle()
            assert await saved(driver, "save-drawings", "drawings.uffs") == drawings

            # Pictures are drawings, too: these, and deflated ones of any class.
            assert await drop(driver, a_zip=pictures) == f"6 drawings in 3 classes now. {GOES_ON}"
            again = samples(await saved(driver, "save-drawings", "drawings.uffs"), tmp_path)
            assert np.array_equal(again.images, found.images)
            assert np.array_equal(again.labels, found.labels)
            new = archive({"x/A%2fB/1.png": grey(28), "x/ä/7.png": grey(28)})
            assert (await drop(driver, a_zip=new)).startswith("2 drawings in 2 classes now.")
            # A board that is stopped stays so.
            await driver.settle()
            await stop(driver)
            last = samples(await saved(driver, "save-drawings", "drawings.uffs"), tmp_path)
            assert last.class_names == ["A/B", "ä"]
            assert np.array_equal(
                last.images[0].reshape(28, 28), np.arange(784).reshape(28, 28) % 256
            )
            await type_in(driver, "print(6 * 7)\r")
            await until(lambda: page.evaluate("board.terminal.text.endsWith('\\n42\\n>>> ')"))
            # Nothing of all that was shown.
            assert "import capture" not in await page.evaluate("board.terminal.text")

    asyncio.run(work())


async def complaint(driver: PageDriver, button: str) -> str:
    await driver.page.locator(f"#{button}").click()
    text = await status(driver)
    await driver.settle()
    return text


def grey(side: int) -> bytes:
    picture = io.BytesIO()
    pixels = np.arange(side * side).reshape(side, side) % 256
    Image.fromarray(pixels.astype(np.uint8)).save(picture, "PNG")
    return picture.getvalue()


def archive(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(name, data)
    return packed.getvalue()


def check_pictures(packed: bytes, found: Samples) -> None:
    with zipfile.ZipFile(io.BytesIO(packed)) as pictures:
        assert pictures.testzip() is None
        names = pictures.namelist()
        assert names == [f"{c}/000{n}.png" for n in "12" for c in "123"]
        for name, image, label in zip(names, found.images, found.labels, strict=True):
            picture = Image.open(io.BytesIO(pictures.read(name)))
            assert (picture.mode, picture.size) == ("L", (28, 28))
            assert np.array_equal(np.asarray(picture).ravel(), np.asarray(image).ravel())
            assert name[0] == found.class_names[label]


SERIAL = """
window.queue = [];
const port = {
  open: async ({ baudRate }) => {
    if (window.taken) throw new DOMException("it is open", "InvalidStateError");
    window.baud = baudRate;
    window.shut = false;
    port.readable = new ReadableStream({ start: (controller) => {
      window.comes = (text) => window.shut ||
        controller.enqueue(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
    } });
    port.writable = new WritableStream({ write: (bytes) => window.goes([...bytes]) });
  },
  close: async () => { window.shut = true; },
};
Object.defineProperty(navigator, "serial", { value: { requestPort: async () => {
  if (window.none) throw new DOMException("No port selected", "NotFoundError");
  return port;
} } });
"""


@pytest.mark.skipif(bool(browser_driver.missing()), reason=browser_driver.missing())
def test_a_board_gets_it_all_by_web_serial(tmp_path: Path) -> None:
    mine, theirs = Board(tmp_path / "mine"), Board(tmp_path / "theirs")

    async def work(wire: Serial) -> None:
        async with browser_driver.browser() as chromium:
            page = await chromium.new_page()
            await page.add_init_script(SERIAL)
            await page.expose_function("goes", lambda data: wire.send(bytes(data)))
            driver = PageDriver(page)
            await driver.open(mine.url)
            passing = asyncio.create_task(passes(page, wire))
            await teach(driver, Writer(4), 1)
            await driver.settle()
            await page.locator("#files-panel summary").click()
            assert (
                "mpremote cp drawings.uffs" in await page.locator("#files-panel pre").inner_text()
            )
            await page.evaluate("(window.none = true, 0)")
            assert (
                await complaint(driver, "by-usb")
                == "No board was chosen. Your board is as it was."
            )
            await page.evaluate("(window.none = false, window.taken = true, 0)")
            assert "is another program using it?" in await complaint(driver, "by-usb")
            await page.evaluate("(window.taken = false, 0)")
            text = await complaint(driver, "by-usb")
            assert text == (
                "Your board: 3 drawings in 3 classes now. The network is the one that was opened. "
                "It starts again."
            )
            assert await page.evaluate("[window.baud, window.shut]") == [115200, True]
            passing.cancel()

    async def passes(page: Any, wire: Serial) -> None:
        while True:
            data = wire.available()
            if data:
                await page.evaluate(
                    f"window.comes?.({json.dumps(base64.b64encode(data).decode())})"
                )
            await asyncio.sleep(0.002)

    try:
        with Serial(theirs.port) as wire:
            asyncio.run(work(wire))
        for name in ("drawings.uffs", "drawings.uffm"):
            assert (theirs.folder / name).read_bytes() == (mine.folder / name).read_bytes()
        # The commands that the page shows.
        cp = [str(theirs.folder / "drawings.uffs"), ":drawings.uffs.in"]
        cp += ["+", "cp", str(theirs.folder / "drawings.uffm"), ":drawings.uffm.in"]
        mine.mpremote("cp", *cp)
        text = mine.mpremote("exec", "import capture.transfer as t; print(t.take())", "reset")
        assert "3 drawings in 3 classes now." in text
    finally:
        mine.end()
        theirs.end()
