// Screen, LEDs, user button and touch controller of the board in a tab, as hardware.py, framebuffer.py and
// latency_statistics.py are those of the virtual board.
import { BusError, FT6x06Model } from "./ft6x06_model.js";

export const LEDS = 4;
const SCAN_MS = 10;
const STROKE_MS = 20; // a batch of moves is spread over this long at most
const AHEAD_MS = 40; // how far ahead moves are put that come faster than they can be done
const UNREAD_MS = 5000; // what the device has not looked at for so long is over
const RECTANGLES = 8; // that wait for the page
const NEAR = 12; // pixels around a touch within which a frame is taken for its answer
const FORGOTTEN_MS = 500; // a touch without an answer was on something that draws nothing
const now = () => performance.now();

const area = ([, , width, height]) => width * height;

function around(a, b) {
  const x = Math.min(a[0], b[0]), y = Math.min(a[1], b[1]);
  return [x, y, Math.max(a[0] + a[2], b[0] + b[2]) - x, Math.max(a[1] + a[3], b[1] + b[3]) - y];
}

// What of the screen the page has not got yet: a few rectangles, however many come.
export class DirtyRegion {
  parts = [];

  // Rectangles [x, y, width, height] join where that costs few pixels more.
  add(part) {
    for (let i = 0; i < this.parts.length;) {
      const both = around(part, this.parts[i]);
      if (area(both) <= 1.25 * (area(part) + area(this.parts[i]))) {
        this.parts.splice(i, 1);
        part = both;
        i = 0;
      } else {
        i++;
      }
    }
    this.parts.push(part);
    if (this.parts.length > RECTANGLES) this.parts = [this.parts.reduce(around)];
  }

  take() {
    const { parts } = this;
    this.parts = [];
    return parts;
  }
}

// Frames a second, and the time from a touch to its pixels.
class LatencyStatistics {
  touched = null;
  latencies = [];
  frames = [];
  last = [0, 0, 0, 0];
  reads = { at: 0, longest: 0 };

  touch(x, y) {
    if (this.touched && now() - this.touched.at <= FORGOTTEN_MS) return false;
    this.touched = { at: now(), x, y };
    return true;
  }

  frame([x, y, width, height]) {
    const [lastX, lastY, lastWidth, lastHeight] = this.last;
    this.last = [x, y, width, height];
    if (x !== lastX || width !== lastWidth || y !== lastY + lastHeight) this.frames.push(now());
    if (this.frames.length > 5000) this.frames.shift();
    const { touched } = this;
    if (!touched || touched.x < x - NEAR || touched.x >= x + width + NEAR || touched.y < y - NEAR || touched.y >= y + height + NEAR) return false;
    this.touched = null;
    if (now() - touched.at > FORGOTTEN_MS) return false;
    this.latencies.push(now() - touched.at);
    if (this.latencies.length > 10000) this.latencies.shift();
    return true;
  }

  // The device looks at its touch controller.
  read() {
    const at = now();
    if (this.reads.at) this.reads.longest = Math.max(this.reads.longest, at - this.reads.at);
    this.reads.at = at;
  }

  numbers() {
    const gap = this.reads.longest;
    this.reads.longest = 0;
    const since = now() - 1000, ordered = [...this.latencies].sort((a, b) => a - b), last = ordered.length - 1;
    const tenths = (ms) => Math.round(ms * 10) / 10;
    return {
      fps: this.frames.filter((at) => at >= since).length,
      median_ms: last < 0 ? null : tenths((ordered[last >> 1] + ordered[(last + 1) >> 1]) / 2),
      p95_ms: last < 0 ? null : tenths(ordered[Math.round(0.95 * last)]),
      gap_ms: Math.round(gap), // the longest, since the last time, between two looks of the device at its touch controller
      pages: 1,
    };
  }
}

export class Hardware {
  constructor(width, height) {
    Object.assign(this, { width, height });
    this.pixels = new Uint16Array(width * height);
    this.touch = new FT6x06Model({ width, height });
    this.leds = Array(LEDS).fill(false);
    this.button = false;
    this.latency = new LatencyStatistics();
    this.onFrame = () => {}; // a rectangle that changed, and whether it answers a touch
    this.onLeds = () => {};
    this.moves = new Map(); // of each finger, [when, move] that it is yet to do
    this.readAt = now();
  }

  // The reset line: LEDs off, controller as after power-on. The panel keeps its pixels.
  reset() {
    this.leds.fill(false);
    this.settle();
    this.touch.reset();
    this.onLeds();
  }

  // What fingers were about to do happens now, unseen: those that are down then stay so.
  settle() {
    this.carryOut(Infinity);
    this.touch.settle();
  }

  // ---- the device's side ----

  // frame: a Uint16Array whose rows have `pitch` pixels.
  show(frame, pitch, x, y, width, height) {
    if (x + width > this.width || y + height > this.height) return;
    for (let row = y; row < y + height; row++) {
      this.pixels.set(frame.subarray(row * pitch + x, row * pitch + x + width), row * this.width + x);
    }
    const part = [x, y, width, height];
    this.onFrame(part, this.latency.frame(part));
  }

  led(number, on) {
    if (number >= LEDS || this.leds[number] === on) return;
    this.leds[number] = on;
    this.onLeds();
  }

  // transfer(touch controller), after what is due is done. 0, or an errno.
  transfer(work) {
    const at = now();
    if (at - this.readAt > UNREAD_MS) this.settle();
    this.readAt = at;
    this.carryOut(at);
    this.touch.scan(Math.floor(at));
    try {
      work(this.touch);
      return 0;
    } catch (error) {
      if (error instanceof BusError) return error.errno;
      throw error;
    }
  }

  // ---- the fingers' side ----

  // Let fingers do this now: moves { finger, doing, x, y, atMs }; whether a frame that answers is waited for from now on.
  // As Hardware.move_fingers() of hardware.py says, moves that a browser tells of at once are done as far apart as they were made.
  moveFingers(moves) {
    const nowMs = now(), begun = new Map();
    let firstMs = null, waits = false;
    for (const move of moves) {
      firstMs ??= move.atMs;
      if (!this.moves.has(move.finger)) this.moves.set(move.finger, []);
      const queue = this.moves.get(move.finger);
      const [lastMs, last] = queue.at(-1) ?? [nowMs, null];
      if (!begun.has(move.finger)) begun.set(move.finger, Math.max(nowMs, lastMs));
      let due = Math.max(lastMs, begun.get(move.finger) + Math.min(Math.max(move.atMs - firstMs, 0), STROKE_MS));
      if (move.doing === "move") {
        due = Math.max(lastMs, Math.min(due, nowMs + AHEAD_MS));
        if (last?.doing === "move" && due - lastMs < SCAN_MS / 2) due = queue.pop()[0];
      }
      queue.push([due, move]);
      if (move.doing !== "lift") waits = this.latency.touch(move.x, move.y) || waits;
    }
    return waits;
  }

  // How many presses of these fingers the controller has not seen.
  presses(fingers) {
    let count = this.touch.presses(fingers);
    for (const [finger, queue] of this.moves) {
      if (fingers.has(finger)) count += queue.filter(([, move]) => move.doing === "press").length;
    }
    return count;
  }

  // These fingers are gone, and with them what they were about to do.
  letGo(fingers) {
    for (const finger of fingers) this.moves.delete(finger);
    this.touch.letGo(fingers);
  }

  carryOut(untilMs) {
    const due = [];
    for (const [finger, queue] of [...this.moves]) {
      while (queue.length && queue[0][0] <= untilMs) due.push(queue.shift());
      if (!queue.length) this.moves.delete(finger);
    }
    due.sort((a, b) => a[0] - b[0]);
    for (const [, { finger, doing, x, y }] of due) this.touch[doing](finger, x, y);
  }
}
