// Does with the page's FT6x06 what a list of JSON says, one operation a line, and prints what each gives.
import { readFileSync } from "node:fs";
import { BusError, FT6x06Model } from "../../firmware_build/web/js/ft6x06_model.js";

let model = null;
const fingers = (list) => new Set(list);
const operations = {
  make: (options) => { model = new FT6x06Model(options); },
  reset: () => model.reset(),
  press: (...args) => model.press(...args),
  move: (...args) => model.move(...args),
  lift: (finger) => model.lift(finger),
  presses: (list) => model.presses(fingers(list)),
  settle: () => model.settle(),
  let_go: (list) => model.letGo(fingers(list)),
  scan: (now) => model.scan(now),
  touching: () => model.touching(),
  inject: (...args) => model.inject(...args),
  dead: (dead) => { model.dead = dead; },
  read: (address, register, n) => Buffer.from(model.readMem(address, register, n)).toString("hex"),
  write: (address, register, data) => model.writeMem(address, register, Uint8Array.from(data)),
};
for (const line of readFileSync(0, "utf8").trim().split("\n")) {
  const [name, ...args] = JSON.parse(line);
  let answer;
  try {
    answer = operations[name](...args) ?? null;
  } catch (error) {
    if (!(error instanceof BusError)) throw error;
    answer = `OSError ${error.errno}`;
  }
  console.log(JSON.stringify(answer));
}
