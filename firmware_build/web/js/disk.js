// The board's disk: bytes in memory, each write of which goes to a store before it counts as done. What the store has got
// outlives the tab, whenever that ends; littlefs on it and the formats of the library were made for that.
export const DISK_BYTES = 16 << 20; // the real board's flash
const EIO = 5, ENOSPC = 28;

export class Disk {
  // store: null, or { write(bytes, at), flush() }.
  constructor(bytes, store = null) {
    this.bytes = bytes;
    this.store = store;
    this.size = bytes.length;
  }

  read(at, into) {
    into.set(this.bytes.subarray(at, at + into.length));
    return 0;
  }

  write(at, data) {
    return this.attempt(() => {
      this.store?.write(data, at);
      this.bytes.set(data, at);
    });
  }

  sync() {
    return this.attempt(() => this.store?.flush());
  }

  // 0, or an errno.
  attempt(work) {
    try {
      work();
      return 0;
    } catch (error) {
      if (error instanceof DOMException) return error.name === "QuotaExceededError" ? ENOSPC : EIO;
      throw error;
    }
  }

  // Starts from nothing.
  erase() {
    this.bytes.fill(0);
    this.store?.erase();
  }
}

// The disk of this place in the browser: a file of its origin private file system, which only this worker can open.
// DOMException where the browser gives none, as in a private window.
export async function browserDisk(name) {
  const folder = await navigator.storage.getDirectory();
  const file = await folder.getFileHandle(name, { create: true });
  const handle = await file.createSyncAccessHandle();
  handle.truncate(DISK_BYTES);
  const bytes = new Uint8Array(DISK_BYTES);
  handle.read(bytes, { at: 0 });
  return new Disk(bytes, {
    write: (data, at) => {
      if (handle.write(data.slice(), { at }) !== data.length) throw new DOMException("short write", "QuotaExceededError");
    },
    flush: () => handle.flush(),
    erase: () => {
      handle.truncate(0);
      handle.truncate(DISK_BYTES);
      handle.flush();
    },
  });
}
