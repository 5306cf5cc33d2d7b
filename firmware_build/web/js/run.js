// Runs a script in Node as MicroPython's unix port does, in the current folder:
//
//   node run.js board.wasm HEAP_BYTES script.py
//
// Modules lie in ${MICROPYPATH} (folders with : between), by default .frozen. The exit status is the script's.
import { readFileSync, writeSync } from "node:fs";
import { Machine } from "./machine.js";
import { hostFiles } from "./node_files.js";

const [wasm, heap, script] = process.argv.slice(2);
const pause = new Int32Array(new SharedArrayBuffer(4));

function write(bytes) {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(pause, 0, 0, 1); // a full pipe
    }
  }
}

const around = {
  wait(ms) {
    if (ms) Atomics.wait(pause, 0, 0, ms < 0 ? Infinity : ms);
    return 0;
  },
  read: () => 4, // there is no input
  readable: () => 0,
  write,
  interrupt() {},
  reset() {
    throw new Error("There is no board to reset.");
  },
  width: 0,
  height: 0,
  show() {},
  tell() {},
  led() {},
  button: () => 0,
  i2cRead: () => 19,
  i2cWrite: () => 19,
  disk: null,
};

const machine = new Machine(new WebAssembly.Module(readFileSync(wasm)), around, hostFiles(() => machine));
machine.begin();
const texts = [process.cwd(), process.env.MICROPYPATH ?? ".frozen", script].map((text) => machine.text(text));
process.exitCode = machine.exports.script(Number(heap), ...texts);
