// A board that is on: its processor (machine.js), hardware and console, and the page that looks at it. It says to the page
// and hears from it what host/uff_host/virtual_board/server.py and messages.py lay down.
import { DirtyRegion, Hardware } from "./hardware.js";
import { Machine } from "./machine.js";

const BACKLOG = 16384; // characters of console that wait for the page
const KEYS = 1 << 20; // bytes that the board has not read
const FINGERS = 10;
const PRESSES = 8; // that the controller has not seen; a person makes 10 a second, it sees 25
const SHORT_MS = 1000, SHORT_LIVES = 3; // lives on end that crashed so soon: something is wrong
const CTRL_C = 3;
const TOUCHES = 2; // the register from which on the controller's touches are read
const LIFE = "\x1b[!p"; // as running_board.py has it
const ALL = new Set(Array.from({ length: FINGERS }, (_, i) => i));

class Reset extends Error {}
class Off extends Error {}

// The next turn of the event loop; timers are held back for some milliseconds.
const turns = [];
const channel = new MessageChannel();
channel.port1.onmessage = () => turns.shift()?.();
function soon(resolve) {
  turns.push(resolve);
  channel.port2.postMessage(0);
}

export class RunningBoard {
  // module: a WebAssembly.Module. disk: see disk.js. tell(message) and draw(buffer) go to the page.
  constructor({ module, disk, tell, draw, width = 800, height = 480, heap = 32 << 20, hello = {} }) {
    Object.assign(this, { module, disk, tell, draw, width, height, heap, hello });
    this.hardware = new Hardware(width, height);
    this.hardware.onFrame = (part, answers) => {
      this.dirty.add(part);
      if (answers && this.stamp) [this.answered, this.stamp] = [this.stamp, 0];
      this.frame();
    };
    this.hardware.onLeds = () => this.tell({ leds: [...this.hardware.leds] });
    this.dirty = new DirtyRegion();
    this.frames = this.drawn = 0; // numbers of the last frame sent and drawn
    this.text = "";
    this.texts = this.printed = 0; // and of the last piece of console
    this.stamp = this.answered = 0; // of the page's touches
    this.fingers = new Map(); // its pointers, and what the hardware calls them
    this.input = [];
    this.inputAt = 0;
    this.interruptByte = -1;
    this.interrupted = false;
    this.waiting = null; // wakes the machine
    this.lives = 0;
    this.numbers = "";
  }

  // ---- the page ----

  // A page is there, with nothing on it.
  open() {
    this.tell({ hello: { width: this.width, height: this.height, port: "", folder: "", ...this.hello } });
    this.tell({ leds: [...this.hardware.leds] });
    this.dirty.add([0, 0, this.width, this.height]);
    this.frame();
  }

  // What waits for the page, if it has drawn the frame before.
  frame() {
    if (this.frames !== this.drawn || !this.dirty.parts.length) return;
    const parts = this.dirty.take();
    const buffer = new ArrayBuffer(10 + parts.reduce((bytes, [, , w, h]) => bytes + 8 + 2 * w * h, 0));
    const view = new DataView(buffer);
    view.setUint32(0, ++this.frames, true);
    view.setUint32(4, this.answered, true);
    view.setUint16(8, parts.length, true);
    this.answered = 0;
    let at = 10;
    for (const [x, y, w, h] of parts) {
      [x, y, w, h].forEach((number, i) => view.setUint16(at + 2 * i, number, true));
      const pixels = new Uint16Array(buffer, at + 8, w * h);
      for (let row = 0; row < h; row++) {
        const start = (y + row) * this.width + x;
        pixels.set(this.hardware.pixels.subarray(start, start + w), row * w);
      }
      at += 8 + 2 * w * h;
    }
    this.draw(buffer);
  }

  print(text) {
    this.text = (this.text + text).slice(-BACKLOG);
    this.sendConsole();
  }

  sendConsole() {
    if (!this.text || this.texts !== this.printed) return;
    this.texts++;
    this.tell({ console: this.text });
    this.text = "";
  }

  // A message of the page.
  receive(message) {
    if ("drawn" in message) {
      this.drawn = message.drawn;
      this.frame();
    } else if ("printed" in message) {
      this.printed = message.printed;
      this.sendConsole();
    } else if ("touch" in message) {
      if (this.hardware.moveFingers(this.moves(message.touch))) this.stamp = message.stamp;
    } else if ("keys" in message) {
      this.type(message.keys);
    } else if ("button" in message) {
      this.hardware.button = message.button;
      this.tell({ button: message.button });
    } else if ("reset" in message) {
      this.end(new Reset());
    } else if ("erase" in message) {
      this.end(new Reset(), () => this.disk.erase());
    }
  }

  moves(pointers) {
    const moves = [];
    let presses = this.hardware.presses(ALL);
    for (const [pointer, how, x, y, atMs] of pointers) {
      let doing = how;
      if (doing === "press" && this.fingers.has(pointer)) {
        doing = "move"; // it is down
      } else if (doing === "press") {
        if (this.fingers.size >= FINGERS) continue;
        const taken = new Set(this.fingers.values());
        this.fingers.set(pointer, presses < PRESSES ? [...ALL].find((finger) => !taken.has(finger)) : null);
        presses++;
      } else if (!this.fingers.has(pointer)) {
        continue;
      }
      const finger = this.fingers.get(pointer);
      if (doing === "lift") this.fingers.delete(pointer);
      if (finger === null) continue; // a tap too many is left out whole
      moves.push({
        finger, doing, atMs,
        x: Math.min(Math.max(Math.trunc(x), 0), this.width - 1), y: Math.min(Math.max(Math.trunc(y), 0), this.height - 1),
      });
    }
    return moves;
  }

  // To the REPL. Ctrl-C overtakes what a program leaves unread, as on a serial line.
  type(text) {
    let bytes = new TextEncoder().encode(text);
    if (this.interruptByte === CTRL_C && bytes.includes(CTRL_C)) {
      this.interrupted = true;
      bytes = bytes.filter((byte) => byte !== CTRL_C);
    }
    if (this.input.length - this.inputAt + bytes.length > KEYS) {
      this.print("\r\n[What you type is lost: the board reads nothing]\r\n");
    } else {
      for (const byte of bytes) this.input.push(byte);
    }
    this.wake();
  }

  // ---- the processor ----

  wake() {
    const { waiting } = this;
    this.waiting = null;
    waiting?.resolve();
  }

  // The power goes; run() ends.
  off() {
    this.end(new Off());
  }

  // Ends this life of the board, at once if it waits, else when it does.
  end(why, between = () => {}) {
    this.ending = { why, between };
    const { waiting } = this;
    this.waiting = null;
    waiting?.reject(why);
  }

  wait(ms) {
    if (this.ending) throw this.ending.why;
    return new Promise((resolve, reject) => {
      const one = this.waiting = { resolve, reject };
      const awake = () => {
        if (this.waiting === one) this.waiting = null;
        resolve();
      };
      if (this.interrupted || ms === 0) soon(awake);
      else if (ms > 0) this.timer = setTimeout(awake, ms);
      else if (this.inputAt < this.input.length) soon(awake);
    }).then(() => {
      clearTimeout(this.timer);
      if (this.ending) throw this.ending.why;
      const { interrupted } = this;
      this.interrupted = false;
      return interrupted ? 1 : 0;
    });
  }

  read() {
    if (this.inputAt >= this.input.length) return -1;
    const byte = this.input[this.inputAt++];
    if (this.inputAt > 4096 || this.inputAt === this.input.length) {
      this.input.splice(0, this.inputAt);
      this.inputAt = 0;
    }
    return byte;
  }

  surroundings() {
    const decoder = new TextDecoder();
    return {
      wait: (ms) => this.wait(ms),
      read: () => this.read(),
      readable: () => Number(this.inputAt < this.input.length),
      write: (bytes) => this.print(decoder.decode(bytes.slice(), { stream: true })),
      interrupt: (c) => { this.interruptByte = c; },
      reset: () => { throw new Reset(); },
      width: this.width,
      height: this.height,
      show: (...args) => this.hardware.show(...args),
      tell: (text) => this.tell({ screen: text ? JSON.parse(text) : null }),
      led: (number, on) => this.hardware.led(number, on),
      button: () => this.hardware.button,
      i2cRead: (address, register, into) => {
        if (register === TOUCHES) this.hardware.latency.read();
        return this.hardware.transfer((touch) => into.set(touch.readMem(address, register, into.length)));
      },
      i2cWrite: (address, register, data) => this.hardware.transfer((touch) => touch.writeMem(address, register, data)),
      disk: this.disk,
    };
  }

  // Be on until off(): one life after the other. Rejected where it crashes again and again.
  async run() {
    const telling = setInterval(() => {
      const numbers = JSON.stringify(this.hardware.latency.numbers());
      if (numbers !== this.numbers) this.tell({ numbers: JSON.parse(this.numbers = numbers) });
    }, 1000);
    try {
      for (let short = 0; ;) {
        const begun = performance.now();
        this.lives++;
        this.ending = null;
        this.interruptByte = -1;
        this.interrupted = false;
        this.print(LIFE);
        this.machine = new Machine(this.module, this.surroundings());
        try {
          this.machine.begin();
          await this.machine.run("board", this.heap);
          throw new Error("there is not enough memory for its heap");
        } catch (error) {
          this.ending?.between();
          this.hardware.reset();
          this.hardware.settle();
          if (error instanceof Off) return;
          if (error instanceof Reset) {
            this.input = [];
            this.inputAt = short = 0;
            continue;
          }
          short = performance.now() - begun < SHORT_MS ? short + 1 : 0;
          if (short >= SHORT_LIVES) throw error;
          this.print(`\r\n[MicroPython crashed (${error.message}) and starts again]\r\n`);
        }
      }
    } finally {
      clearInterval(telling);
    }
  }
}
