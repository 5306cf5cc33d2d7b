// Trains a board again and again: node growth.js board.wasm TRAININGS. Prints how many bytes of MicroPython's heap were in
// use after each tenth of them, and how large the module's memory was at the end.
import { readFileSync } from "node:fs";
import { Disk, DISK_BYTES } from "../../firmware_build/web/js/disk.js";
import { run } from "./on_board.js";

const [wasm, trainings] = process.argv.slice(2);
const CODE = `
import gc
from capture.recogniser import Recogniser
r = Recogniser()
for i in range(6):
    r.add(bytes((x * (7 + i % 3) + i * 31) % 251 for x in range(784)), i % 3)
for i in range(${trainings}):
    for _ in r.train():
        pass
    if i % (${trainings} // 10) == 0:
        gc.collect()
        print("used", gc.mem_alloc())
`;
const { output, bytes } = await run(new WebAssembly.Module(readFileSync(wasm)), new Disk(new Uint8Array(DISK_BYTES)), CODE);
console.log(JSON.stringify({ used: [...output.matchAll(/^used (\d+)/gm)].map((one) => Number(one[1])), bytes }));
process.exit(0);
