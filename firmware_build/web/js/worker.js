// The board in a worker of its page: transport.js is the page's end.
import { browserDisk, Disk, DISK_BYTES } from "./disk.js";
import { RunningBoard } from "./running_board.js";

const SOON_MS = 700; // within which a tab that is just closed lets go of the disk

let board = null;
const early = []; // what the page says before the board is there

self.onmessage = ({ data }) => (board ? board.receive(data) : early.push(data));

const away = (sentence) => self.postMessage({ away: sentence });

// This place's lock, for as long as this worker lives; says so where another tab has it.
function alone(name) {
  return new Promise((resolve) => {
    const late = setTimeout(() => away("The board is open in another tab, and its files are there. Close that one to go on here."), SOON_MS);
    navigator.locks.request(name, () => {
      clearTimeout(late);
      resolve();
      return new Promise(() => {});
    });
  });
}

async function disk(name) {
  for (let attempt = 0; ; attempt++) {
    try {
      return { disk: await browserDisk(name), kept: true };
    } catch (error) {
      // The worker of a page that was left a moment ago may still have it.
      if (error.name === "NoModificationAllowedError" && attempt < 20) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        continue;
      }
      console.warn(`The browser keeps no files (${error.message}).`);
      return { disk: new Disk(new Uint8Array(DISK_BYTES)), kept: false };
    }
  }
}

async function start() {
  const module = fetch("board.wasm").then(async (answer) => {
    if (!answer.ok) throw new Error(`board.wasm: ${answer.status}`);
    return WebAssembly.compile(await answer.arrayBuffer());
  });
  const name = `uff-board ${new URL(".", self.location.href).pathname}`;
  await alone(name);
  const found = await disk(name.replaceAll("/", "-"));
  board = new RunningBoard({
    module: await module,
    disk: found.disk,
    hello: {
      erases: true,
      files: found.kept ? "Drawings stay in this browser and go nowhere else. A private window forgets them when it closes."
        : "This window keeps no files (is it a private one?): drawings go with the tab. Save them to keep them.",
    },
    tell: (message) => self.postMessage(message),
    draw: (buffer) => self.postMessage(buffer, [buffer]),
  });
  self.postMessage({ open: true });
  board.open();
  for (const message of early.splice(0)) board.receive(message);
  await board.run();
}

start().catch((error) => away(`The board does not start: ${error.message}. Reload the page.`));
