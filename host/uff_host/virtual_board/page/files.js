// Drawings and network out of the board and back: buttons, drag and drop, and onto another board by Web Serial.
import { pixelsOf, png, samplesFile, unzip, zip } from "./archive.js";
import { BoardFiles, DRAWINGS, NETWORK } from "./board_files.js";
import { BoardError, RawRepl } from "./raw_repl.js";

const LARGEST = 16 << 20; // bytes of a file, the size of the board's flash
const MOST_DRAWINGS = 1024, MOST_CLASSES = 16;
const UNCHANGED = "Nothing was changed.";
const $ = (id) => document.getElementById(id);

// A class's name as that of a folder on any system, and back.
const folder = (name) => name.replace(/[/\\:*?"<>|%\x00-\x1f]|^\.|[. ]$/g, (sign) => `%${sign.charCodeAt(0).toString(16).padStart(2, "0")}`);
const named = (folderName) => {
  try {
    return decodeURIComponent(folderName);
  } catch {
    return folderName;
  }
};

function download(name, bytes, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

// A zip of pictures, one folder a class, as a samples file.
async function ofPictures(bytes) {
  let files;
  try {
    files = await unzip(bytes);
  } catch (error) {
    throw new BoardError(error instanceof RangeError ? "The zip is damaged, or packed in an unusual way." : error.message);
  }
  const pictures = files.filter(([name]) => /[^/]+\/[^/]+\.png$/i.test(name) && !/(^|\/)(\.|__MACOSX)/.test(name));
  if (!pictures.length) throw new BoardError("The zip has no pictures: want PNGs in one folder for each class.");
  const names = [], labels = [], images = [];
  for (const [path, data] of pictures) {
    const name = named(path.split("/").at(-2));
    const pixels = await pixelsOf(data);
    if (!pixels) throw new BoardError(`${path}: want a PNG of 28 x 28 pixels.`);
    if (!names.includes(name)) names.push(name);
    labels.push(names.indexOf(name));
    images.push(pixels);
  }
  if (names.length > MOST_CLASSES) throw new BoardError(`The zip has ${names.length} classes; ${MOST_CLASSES} are the most.`);
  if (images.length > MOST_DRAWINGS) throw new BoardError(`The zip has ${images.length} drawings; ${MOST_DRAWINGS} are the most.`);
  return samplesFile({ names, labels, images });
}

// What a file is for, by its first bytes: { name on the board: bytes }.
async function forBoard(file) {
  if (file.size > LARGEST) throw new BoardError(`${file.name} is too large.`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  const mark = new TextDecoder("latin1").decode(bytes.subarray(0, 4));
  if (mark === "UFFS") return { [DRAWINGS]: bytes };
  if (mark === "UFFM") return { [NETWORK]: bytes };
  if (mark === "PK\x03\x04") return { [DRAWINGS]: await ofPictures(bytes) };
  throw new BoardError(`${file.name}: want drawings (.uffs, or a .zip of PNGs) or a network (.uffm).`);
}

// The panel. board: { send(text), busy: whether another program uses its raw REPL, asks: whether its prompt waits }.
export class FilesPanel {
  constructor(board) {
    this.board = board;
    this.repl = null; // while the board is held
    this.buttons = [...document.querySelectorAll("#files-panel button")];
    $("save-drawings").addEventListener("click", () => this.save("drawings", (files) => this.drawings(files)));
    $("save-pictures").addEventListener("click", () => this.save("pictures", (files) => this.pictures(files)));
    $("save-network").addEventListener("click", () => this.save("network", (files) => this.network(files)));
    $("open").addEventListener("click", () => $("chosen").click());
    $("chosen").addEventListener("change", async () => {
      await this.open([...$("chosen").files]);
      $("chosen").value = "";
    });
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer.files.length) this.open([...event.dataTransfer.files]);
    });
    $("by-usb").hidden = !navigator.serial;
    $("no-usb").hidden = Boolean(navigator.serial);
    $("by-usb").addEventListener("click", () => this.toBoard());
  }

  // What the board of the page says.
  receive(text) {
    this.repl?.receive(text);
  }

  gone() {
    this.repl?.fail("The board is gone.");
  }

  say(sentence) {
    $("files-status").textContent = sentence;
  }

  // work(); one at a time, and what goes wrong becomes a sentence.
  async alone(work, unchanged = "") {
    if (this.working) return;
    this.working = true;
    for (const button of this.buttons) button.disabled = true;
    try {
      this.say(await work());
    } catch (error) {
      if (!(error instanceof BoardError)) console.warn(error);
      this.say(`${error instanceof BoardError ? error.message : `That did not work: ${error.message}.`} ${unchanged}`.trim());
    } finally {
      this.working = false;
      for (const button of this.buttons) button.disabled = false;
    }
  }

  // work(BoardFiles of the page's board), which is stopped for it and started again; the sentence of work, and what
  // became of the application.
  async held(doing, work) {
    if (this.board.busy) throw new BoardError("Another program (mpremote?) has the board's REPL. Try again when it is done.");
    const ran = !this.board.asks;
    const repl = this.repl = new RawRepl((text) => this.board.send(text));
    this.say(`${doing} …`);
    try {
      await repl.enter();
      const files = new BoardFiles(repl, (part) => this.say(`${doing}: ${Math.round(100 * part)} %`));
      try {
        await files.begin();
        return `${await work(files)}${ran ? " The application was stopped for it, and runs again." : ""}`;
      } finally {
        await repl.leave(ran);
      }
    } finally {
      this.repl = null;
    }
  }

  // ---- out ----

  save(what, work) {
    return this.alone(() => this.held(`Reading the ${what}`, work));
  }

  async drawings(files) {
    const bytes = await files.read(DRAWINGS);
    if (!bytes) throw new BoardError("The board has no drawings.");
    download(DRAWINGS, bytes, "application/octet-stream");
    return `Saved ${DRAWINGS}.`;
  }

  async pictures(files) {
    const { names, labels, images } = await files.drawings();
    if (!images.length) throw new BoardError("The board has no drawings.");
    const counts = names.map(() => 0);
    const pictures = images.map((pixels, i) => {
      const number = String(++counts[labels[i]]).padStart(4, "0");
      return [`${folder(names[labels[i]])}/${number}.png`, png(pixels)];
    });
    download("drawings.zip", zip(pictures), "application/zip");
    return `Saved drawings.zip: ${images.length} pictures.`;
  }

  async network(files) {
    const bytes = await files.read(NETWORK);
    if (!bytes) throw new BoardError("The board has no network yet.");
    download(NETWORK, bytes, "application/octet-stream");
    return `Saved ${NETWORK}.`;
  }

  // ---- in ----

  // Files (File objects) take the place of the board's.
  open(files) {
    return this.alone(async () => {
      const wanted = {};
      for (const file of files) {
        for (const [name, bytes] of Object.entries(await forBoard(file))) {
          if (name in wanted) throw new BoardError(`Two of the files hold ${name === DRAWINGS ? "drawings" : "a network"}: want one.`);
          wanted[name] = bytes;
        }
      }
      return this.held("Writing", (board) => board.write(wanted));
    }, UNCHANGED);
  }

  // ---- onto another board ----

  toBoard() {
    return this.alone(async () => {
      let port;
      try {
        port = await navigator.serial.requestPort();
      } catch (error) {
        throw new BoardError(error.name === "NotFoundError" ? "No board was chosen." : `No port: ${error.message}.`);
      }
      const wanted = {};
      await this.held("Reading", async (board) => {
        for (const name of [DRAWINGS, NETWORK]) {
          const bytes = await board.read(name);
          if (bytes) wanted[name] = bytes;
        }
        return "";
      });
      const answer = await onPort(port, wanted, (sentence) => this.say(sentence));
      return `Your board: ${answer} It starts again.`;
    }, "Your board is as it was.");
  }
}

const PACKET = 256, PAUSE_MS = 10; // what a board without flow control takes, as mpremote has it

async function onPort(port, files, say) {
  try {
    await port.open({ baudRate: 115200 });
  } catch (error) {
    throw new BoardError(`The port cannot be opened (${error.message}): is another program using it?`);
  }
  const reader = port.readable.getReader(), writer = port.writable.getWriter();
  const decoder = new TextDecoder();
  let sending = Promise.resolve();
  const repl = new RawRepl((text) => {
    const bytes = new TextEncoder().encode(text);
    sending = sending.then(async () => {
      for (let at = 0; at < bytes.length; at += PACKET) {
        await writer.write(bytes.slice(at, at + PACKET));
        if (bytes.length > PACKET) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }).catch((error) => repl.fail(`The board is gone (${error.message}).`));
  });
  const reading = (async () => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      repl.receive(decoder.decode(value, { stream: true }));
    }
  })().catch((error) => repl.fail(`The board is gone (${error.message}).`));
  try {
    say("Your board: stopping what runs …");
    await repl.enter();
    try {
      const board = new BoardFiles(repl, (part) => say(`Your board: writing, ${Math.round(100 * part)} %`));
      await board.begin();
      return await board.write(files);
    } finally {
      await repl.leave(true);
    }
  } finally {
    await sending;
    await reader.cancel().catch(() => {});
    await reading;
    reader.releaseLock();
    writer.releaseLock();
    await port.close().catch(() => {});
  }
}
