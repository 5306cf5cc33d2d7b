// Cuts the power of a board at every so many writes to its disk: node power_cut.js board.wasm EVERY
//
// A board learns drawings; what it writes to its disk is kept, and how much of that it had written when it printed of a
// drawing that it was kept. Then boards start on disks that got only so much of it, the last write perhaps torn. Prints
// a line of JSON for each: how many drawings had been kept for certain, and what the board says of its files.
import { readFileSync } from "node:fs";
import { Disk, DISK_BYTES } from "../../firmware_build/web/js/disk.js";
import { run } from "./on_board.js";

const [wasm, every] = process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(wasm));

const LEARN = `
from capture.recogniser import Recogniser
r = Recogniser()
def image(i):
    return bytes((x * (7 + i % 3) + i * 31) % 251 for x in range(784))
for i in range(6):
    r.add(image(i), i % 3)
    print("kept", i + 1)
    if r.obstacle() is None:
        for _ in r.learn():
            pass
`;
const LOOK = `
from capture.recogniser import Recogniser
r = Recogniser()
print("found", sum(r.counts()), r.network is not None, r.harmed, len(r.notices))
r.add(bytes(range(196)) * 4, 0)
if r.obstacle() is None:
    for _ in r.learn():
        pass
print("goes on", sum(r.counts()))
`;

const writes = [], kept = []; // kept: how many writes there were when a drawing was kept
const first = new Disk(new Uint8Array(DISK_BYTES), { write: (data, at) => writes.push([at, data.slice()]), flush() {} });
await run(module, first, LEARN, (output) => {
  const count = (output.match(/\nkept \d/g) ?? []).length;
  while (kept.length < count) kept.push(writes.length);
});
console.log(JSON.stringify({ writes: writes.length, kept: kept.length }));

for (let cut = 0, number = 0; cut <= writes.length; cut += Number(every), number++) {
  const bytes = new Uint8Array(DISK_BYTES);
  for (const [at, data] of writes.slice(0, cut)) bytes.set(data, at);
  if (number % 2 && cut < writes.length) { // torn
    const [at, data] = writes[cut];
    bytes.set(data.subarray(0, data.length >> 1), at);
  }
  const { output } = await run(module, new Disk(bytes), LOOK);
  const [, found, network, harmed, notices] = /found (\d+) (\w+) (\w+) (\d+)/.exec(output);
  console.log(JSON.stringify({
    cut, kept: kept.filter((count) => count <= cut).length, found: Number(found), network: network === "True",
    harmed: harmed === "True", notices: Number(notices), after: Number(/goes on (\d+)/.exec(output)[1]),
  }));
}
process.exit(0);
