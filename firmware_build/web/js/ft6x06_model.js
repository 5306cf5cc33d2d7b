// A simulated FT6x06 touch controller: fingers in, registers out. The twin of host/uff_host/virtual_board/ft6x06_model.py,
// which says what is known of the real one; tests/web holds both to the same behaviour.
const PRESS = 0, LIFT = 1, CONTACT = 2;
const TD_STATUS = 0x02, SLOT_1 = 0x03;
const CTRL = 0x86, TIME_TO_MONITOR = 0x87, PERIOD_ACTIVE = 0x88, PERIOD_MONITOR = 0x89;
const CHIP = 0xa3, FIRMWARE = 0xa6, VENDOR = 0xa8;
const SCANS_HELD = 2;
const NO_ID = 15;
export const FAULTS = ["nack", "ones", "count", "no id", "origin", "leap", "ghost", "phantom", "vanish"];

// The errno of a transfer that failed.
export class BusError extends Error {
  constructor(errno) {
    super(`errno ${errno}`);
    this.errno = errno;
  }
}

class Finger {
  down = false;
  moved = false; // to where no scan has seen it yet
  scans = 0; // since it was pressed or lifted
  held = SCANS_HELD; // scans before it can be lifted
  slot = -1;
  x = 0;
  y = 0;
}

export class FT6x06Model {
  constructor({ address = 0x38, chip = 0x64, width = 800, height = 480, vendor = 0x11, bootReads = 1 } = {}) {
    Object.assign(this, { address, width, height });
    this.dead = false; // where true, nothing answers
    this.scans = 0;
    this.chip = chip;
    this.vendor = vendor;
    this.bootReads = bootReads;
    this.fingers = new Map();
    this.waiting = []; // [finger, event, x, y]: not yet scanned
    this.late = 0; // scans that the first of them has waited
    this.faults = [];
    this.reset();
  }

  // Power-on: registers as at the start, fingers where they are, reads give all ones for a time.
  reset() {
    const registers = this.registers = new Uint8Array(256);
    registers[0x80] = 0x28;
    registers[CTRL] = 1;
    registers[TIME_TO_MONITOR] = 10; // seconds
    registers[PERIOD_ACTIVE] = 10; // milliseconds
    registers[PERIOD_MONITOR] = 40;
    registers[CHIP] = this.chip;
    registers[FIRMWARE] = 1;
    registers[VENDOR] = this.vendor;
    this.blank = this.bootReads;
    this.slots = [null, null]; // the finger of each
    this.lastScan = -1;
    this.lastTouch = 0;
    for (const finger of this.fingers.values()) finger.slot = -1;
  }

  // ---- fingers ----

  press(finger, x, y) {
    this.waiting.push([finger, PRESS, x, y]);
  }

  // Of moves that no scan has seen, the last one.
  move(finger, x, y) {
    const last = this.waiting.findLastIndex((event) => event[0] === finger);
    if (last >= 0 && this.waiting[last][1] === CONTACT) this.waiting[last] = [finger, CONTACT, x, y];
    else this.waiting.push([finger, CONTACT, x, y]);
  }

  lift(finger) {
    this.waiting.push([finger, LIFT, 0, 0]);
  }

  // How many presses of these fingers no scan has seen.
  presses(fingers) {
    return this.waiting.filter((event) => fingers.has(event[0]) && event[1] === PRESS).length;
  }

  // What waits has happened while nobody looked: the next scan sees how it ended.
  settle() {
    for (const event of this.waiting) this.do(...event);
    this.waiting = [];
    this.late = 0;
    for (const [number, finger] of [...this.fingers]) if (!finger.down) this.forget(number);
  }

  // The hand of these fingers is gone: what it was about to do is not done, and those that are down are lifted.
  letGo(fingers) {
    this.waiting = this.waiting.filter((event) => !fingers.has(event[0]));
    for (const [number, finger] of this.fingers) if (fingers.has(number) && finger.down) this.lift(number);
  }

  // ---- time ----

  // Brings the registers up to date; true where it scanned: once per call and period of now at most (whole milliseconds).
  scan(now) {
    const registers = this.registers;
    let period = registers[PERIOD_ACTIVE] || 10;
    if (registers[CTRL] && now - this.lastTouch > registers[TIME_TO_MONITOR] * 1000) period = registers[PERIOD_MONITOR] || 40;
    if (this.lastScan >= 0 && Math.floor(now / period) === Math.floor(this.lastScan / period)) return false;
    this.lastScan = now;
    this.scans++;
    this.takeWaiting();
    const touches = this.fill(0) + this.fill(1);
    registers[TD_STATUS] = touches;
    if (touches) {
      this.lastTouch = now;
      for (const slot of [0, 1]) if (!this.fingerIn(slot)) this.write(slot, 3, NO_ID, 0xfff, 0xfff);
    }
    return true;
  }

  takeWaiting() {
    for (const [number, finger] of [...this.fingers]) {
      finger.scans++;
      finger.moved = false;
      if (!finger.down && (finger.slot < 0 || finger.scans >= SCANS_HELD)) this.forget(number);
    }
    while (this.waiting.length) {
      const [number, event, x, y] = this.waiting[0];
      if (event === LIFT && this.unseen(number)) break;
      if (event === PRESS && this.justLifted()) {
        this.late++;
        break;
      }
      this.waiting.shift();
      this.do(number, event, x, y);
    }
    for (const number of [...this.fingers.keys()].sort((a, b) => a - b)) {
      const finger = this.fingers.get(number);
      if (finger.down && finger.slot < 0 && this.slots.includes(null)) {
        finger.slot = this.slots.indexOf(null);
        finger.scans = 0;
        this.slots[finger.slot] = number;
      }
    }
  }

  do(number, event, x, y) {
    let finger = this.fingers.get(number);
    if (!finger) {
      if (event !== PRESS) return; // it is up already
      this.fingers.set(number, finger = new Finger());
    }
    if (event === PRESS || (event === CONTACT && finger.down)) {
      const atX = Math.min(Math.max(x, 0), this.width - 1), atY = Math.min(Math.max(y, 0), this.height - 1);
      finger.moved = finger.moved || atX !== finger.x || atY !== finger.y;
      finger.x = atX;
      finger.y = atY;
    }
    if (event !== CONTACT && finger.down !== (event === PRESS)) {
      finger.down = event === PRESS;
      finger.scans = 0;
      finger.held = SCANS_HELD + this.late; // one that came late stays as much longer
      this.late = 0;
    }
  }

  // A finger that is up, and its slot is free.
  forget(number) {
    const { slot } = this.fingers.get(number);
    this.fingers.delete(number);
    if (slot >= 0) this.slots[slot] = null;
  }

  // The finger is down, and scans have not yet seen enough of that.
  unseen(number) {
    const finger = this.fingers.get(number);
    return Boolean(finger && finger.down && (finger.moved || finger.scans < finger.held));
  }

  justLifted() {
    return [...this.fingers.values()].some((finger) => finger.slot >= 0 && !finger.down);
  }

  // Whose registers a slot holds: a finger that is down or was lifted in this scan.
  fingerIn(slot) {
    const finger = this.slots[slot] === null ? null : this.fingers.get(this.slots[slot]);
    return finger && (finger.down || finger.scans === 0) ? finger : null;
  }

  // Writes a slot's registers; the number of touches in it.
  fill(slot) {
    const finger = this.fingerIn(slot);
    if (!finger) {
      this.write(slot, 0, 0, 0, 0);
      return 0;
    }
    const event = finger.down ? (finger.scans === 0 ? PRESS : CONTACT) : LIFT;
    this.write(slot, event, slot, this.height - 1 - finger.y, finger.x);
    return finger.down ? 1 : 0;
  }

  write(slot, event, number, rawX, rawY) {
    this.put(this.registers, SLOT_1 + 6 * slot, event, number, rawX, rawY);
  }

  put(data, at, event, number, rawX, rawY) {
    const touches = (event === PRESS || event === CONTACT) && rawY;
    data.set([
      event << 6 | rawX >> 8, rawX & 255, number << 4 | rawY >> 8, rawY & 255,
      touches ? 0x20 : 0, // weight
      touches ? 0x10 : 0, // area
    ], at);
  }

  // The fingers that the registers hold as touches 0 and 1.
  touching() {
    return [0, 1].map((slot) => (this.fingerIn(slot)?.down ? this.slots[slot] : null));
  }

  // ---- the bus ----

  // n bytes from a register on. BusError(19) for another address, BusError(5) for a fault.
  readMem(address, register, n) {
    const fault = this.begin(address, register <= TD_STATUS && TD_STATUS < register + n);
    if (this.blank) {
      this.blank--;
      return new Uint8Array(n).fill(255);
    }
    if (!fault) return this.bytes(this.registers, register, n);
    if (fault[0] === "ones") return new Uint8Array(n).fill(255);
    const data = this.registers.slice();
    this.spoil(data, ...fault);
    return this.bytes(data, register, n);
  }

  // Writes registers. BusError as readMem().
  writeMem(address, register, data) {
    this.begin(address, false);
    data.forEach((value, i) => { this.registers[(register + i) & 255] = value; });
  }

  bytes(data, register, n) {
    return Uint8Array.from({ length: n }, (_, i) => data[(register + i) & 255]);
  }

  // ---- faults ----

  // The next transfers go wrong, `times` of them, after those injected before: a kind of FAULTS.
  inject(kind, times = 1, x = 0, y = 0) {
    if (!FAULTS.includes(kind)) throw new RangeError(`fault: want one of ${FAULTS.join(", ")}; got ${kind}`);
    for (let i = 0; i < times; i++) this.faults.push([kind, x, y]);
  }

  // The fault of this transfer. Faults of touch reads wait for one.
  begin(address, touch) {
    if (this.dead || address !== this.address) throw new BusError(19);
    if (!this.faults.length || !(touch || ["nack", "ones"].includes(this.faults[0][0]))) return null;
    const fault = this.faults.shift();
    if (fault[0] === "nack") throw new BusError(5);
    return fault;
  }

  spoil(data, kind, x, y) {
    let rawX = this.height - 1 - y, rawY = x;
    const touching = [0, 1].map((slot) => [PRESS, CONTACT].includes(data[SLOT_1 + 6 * slot] >> 6));
    const used = [0, 1].filter((slot) => data[TD_STATUS] && touching[slot]);
    const free = [0, 1].filter((slot) => !used.includes(slot));
    if (kind === "count") {
      data[TD_STATUS] = x >= 3 && x <= 15 ? x : 15;
    } else if (kind === "vanish") {
      data[TD_STATUS] = 0;
    } else if (kind === "ghost" || kind === "phantom") {
      if (!free.length) return;
      if (kind === "ghost") rawX = rawY = 0;
      data[TD_STATUS]++;
      this.put(data, SLOT_1 + 6 * free[0], PRESS, free[0], rawX, rawY);
    } else if (used.length) {
      const at = SLOT_1 + 6 * used[0];
      if (kind === "no id") {
        data[at + 2] |= NO_ID << 4;
      } else {
        if (kind === "origin") rawX = rawY = 0;
        this.put(data, at, data[at] >> 6, used[0], rawX, rawY);
      }
    }
  }
}
