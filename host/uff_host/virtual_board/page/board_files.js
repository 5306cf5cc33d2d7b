// The files of a board's application, through its raw REPL and device/capture/transfer.py.
export const DRAWINGS = "drawings.uffs", NETWORK = "drawings.uffm";
export const PIXELS = 28 * 28;
const PIECE = 3072; // bytes at once, as transfer.py has it
const IMAGES = 4; // of these

export function base64(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

export function bytesOf(text) {
  return Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
}

export class BoardFiles {
  // repl: a RawRepl that was entered. progress(part) hears how much of a file has passed.
  constructor(repl, progress = () => {}) {
    this.repl = repl;
    this.progress = progress;
  }

  async begin() {
    await this.repl.run("import capture.transfer as t");
  }

  // A file's bytes; null where there is none.
  async read(name) {
    const size = Number(await this.repl.run(`print(t.size("${name}"))`));
    if (!size) return null;
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at += PIECE) {
      bytes.set(bytesOf(await this.repl.run(`t.send("${name}", ${at})`)), at);
      this.progress(Math.min(1, (at + PIECE) / size));
    }
    return bytes;
  }

  // { names, labels, images }: of the drawings.
  async drawings() {
    const [names, labels] = JSON.parse(await this.repl.run("t.catalogue()"));
    const images = [];
    for (let first = 0; first < labels.length; first += IMAGES) {
      const last = Math.min(first + IMAGES, labels.length);
      const pixels = bytesOf(await this.repl.run(`t.images(${first}, ${last})`));
      for (let at = 0; at < pixels.length; at += PIXELS) images.push(pixels.slice(at, at + PIXELS));
      this.progress(last / labels.length);
    }
    return { names, labels, images };
  }

  // These files ({ name: bytes }) take the place of the board's; the sentence that it says then. Refused, nothing has
  // changed.
  async write(files) {
    const whole = Object.values(files).reduce((sum, bytes) => sum + bytes.length, 0);
    let done = 0;
    await this.repl.run("t.begin()");
    for (const [name, bytes] of Object.entries(files)) {
      for (let at = 0; at < bytes.length; at += PIECE) {
        const piece = bytes.subarray(at, at + PIECE);
        await this.repl.run(`t.arrive("${name}", b"${base64(piece)}")`);
        this.progress((done += piece.length) / whole);
      }
    }
    return (await this.repl.run("print(t.take())")).trim();
  }
}
