// MicroPython's WebAssembly module at work: what it imports (imports.h), and how it waits.
//
// A module cannot wait without holding up its whole thread. So the functions that may be under way when wait() is called
// were compiled to be left and entered again (Binaryen's asyncify): wait() gives a promise, all of them return, the thread
// is free, and when the promise is kept they are entered again up to wait(), which returns. In Node wait() waits.
const LEFT_BYTES = 1 << 18; // for what functions hold that were left

// WASI, where there are no files: MicroPython's own file system lies on the disk of imports.h.
function noFiles() {
  return new Proxy({}, { get: (_, name) => (name === "proc_exit" ? (status) => { throw new Error(`exit ${status}`); } : () => 8) }); // EBADF
}

export class Machine {
  // A module (WebAssembly.Module) in its surroundings: an object with the functions of imports.h, whose memory arguments
  // are typed arrays: write(bytes), show(pixels, pitch, x, y, w, h), i2cRead(address, register, bytes), diskRead(at,
  // bytes) and so on; wait(ms) gives a number or a promise of one.
  constructor(module, around, wasi = null) {
    this.left = null; // what wait() waits for, when all functions were left
    this.entering = false; // they are entered again
    const bytes = (at, length) => new Uint8Array(this.memory.buffer, at, length);
    const board = {
      wait: (ms) => this.wait(() => around.wait(ms)),
      now: () => performance.now(),
      epoch: () => Date.now(),
      zone: () => -new Date().getTimezoneOffset(),
      random: () => crypto.getRandomValues(new Uint32Array(1))[0],
      read: () => around.read(),
      readable: () => around.readable(),
      write: (at, length) => around.write(bytes(at, length)),
      interrupt: (c) => around.interrupt(c),
      reset: () => around.reset(),
      width: () => around.width,
      height: () => around.height,
      show: (at, pitch, x, y, w, h) => around.show(new Uint16Array(this.memory.buffer, at, pitch * (y + h)), pitch, x, y, w, h),
      tell: (at, length) => around.tell(new TextDecoder().decode(bytes(at, length))),
      led: (number, on) => around.led(number, on !== 0),
      button: () => around.button() | 0,
      i2c_read: (address, register, at, length) => around.i2cRead(address, register, bytes(at, length)),
      i2c_write: (address, register, at, length) => around.i2cWrite(address, register, bytes(at, length)),
      disk_size: () => around.disk?.size ?? 0,
      disk_read: (offset, at, length) => around.disk.read(offset, bytes(at, length)),
      disk_write: (offset, at, length) => around.disk.write(offset, bytes(at, length)),
      disk_sync: () => around.disk?.sync() ?? 0,
    };
    this.instance = new WebAssembly.Instance(module, { board, wasi_snapshot_preview1: wasi ?? noFiles() });
    this.exports = this.instance.exports;
    this.memory = this.exports.memory;
  }

  begin() {
    this.exports._initialize();
    this.data = this.exports.allocate(LEFT_BYTES + 8);
  }

  wait(begin) {
    const { exports } = this;
    if (this.entering) {
      this.entering = false;
      exports.asyncify_stop_rewind();
      return this.outcome;
    }
    const outcome = begin();
    if (!(outcome instanceof Promise)) return outcome;
    this.left = outcome;
    new Uint32Array(this.memory.buffer, this.data, 2).set([this.data + 8, this.data + 8 + LEFT_BYTES]);
    exports.asyncify_start_unwind(this.data);
    return 0;
  }

  // Calls an export that may wait; a promise of its result. Rejected by what throws, and by what wait() gives.
  async run(name, ...args) {
    const { exports } = this;
    let result = exports[name](...args);
    while (this.left) {
      exports.asyncify_stop_unwind();
      this.outcome = await this.left;
      this.left = null;
      this.entering = true;
      exports.asyncify_start_rewind(this.data);
      result = exports[name](...args);
    }
    return result;
  }

  // A text in the module's memory, closed by a zero; where it lies.
  text(text) {
    const encoded = new TextEncoder().encode(text), at = this.exports.allocate(encoded.length + 1);
    const memory = new Uint8Array(this.memory.buffer);
    memory.set(encoded, at);
    memory[at + encoded.length] = 0;
    return at;
  }
}
