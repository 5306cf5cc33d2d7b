// How long a board in a tab does not look at its touch controller: node touch_gaps.js board.wasm TOUCHES.json
//
// A person's touches ([[t_ms, finger, event, x, y], ...], as drivers.touch has the events) come at their pace. Prints as
// JSON how often it looked, the classes that were taught, and the longest time between two looks: processor time that
// its thread had (Linux tells), and what it slept itself. A busy machine adds little to either.
import { readFileSync } from "node:fs";
import { Disk, DISK_BYTES } from "../../firmware_build/web/js/disk.js";
import { RunningBoard } from "../../firmware_build/web/js/running_board.js";

const HOWS = ["press", "lift", "move"];
const SETTLES_MS = 1500;
const [wasm, recording] = process.argv.slice(2);
const touches = JSON.parse(readFileSync(recording, "utf8"));
const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
// Of this thread alone, which the board runs in; the compiler's are others.
const spent = () => Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "latin1").split(" ")[0]) / 1e6;

let printed = 0, slept = 0, last = null, looks = 0, text = "", kept = new Set(), longest = { ms: 0 };
const board = new RunningBoard({
  module: new WebAssembly.Module(readFileSync(wasm)),
  disk: new Disk(new Uint8Array(DISK_BYTES)),
  tell: (message) => {
    if ("console" in message) queueMicrotask(() => board.receive({ printed: ++printed }));
    if ("screen" in message && message.screen) text = message.screen.texts.join(" ");
    const name = /Kept as “(.+?)”/.exec(text)?.[1];
    if (name) kept.add(name);
  },
  draw: (buffer) => queueMicrotask(() => board.receive({ drawn: new DataView(buffer).getUint32(0, true) })),
});
const { wait } = board;
board.wait = (ms) => {
  const begun = performance.now();
  return wait.call(board, ms).then((interrupted) => {
    slept += Math.min(performance.now() - begun, Math.max(ms, 0));
    return interrupted;
  });
};
const { latency } = board.hardware;
latency.read = () => {
  const now = { spent: spent(), slept };
  if (last) {
    const ms = now.spent - last.spent + now.slept - last.slept;
    if (ms > longest.ms) longest = { ms, text };
  }
  looks++;
  text = "";
  last = { spent: spent(), slept };
};
board.run().catch((error) => {
  console.error(error);
  process.exit(1);
});
while (!looks) await delay(10);
const begun = performance.now() + 100;
for (const [at, finger, event, x, y] of touches) {
  const early = begun + at - performance.now();
  if (early > 1) await delay(early);
  board.receive({ touch: [[finger, HOWS[event], x, y, at]], stamp: 0 });
}
await delay(SETTLES_MS);
console.log(JSON.stringify({ looks, longest, kept: [...kept] }));
process.exit(0);
