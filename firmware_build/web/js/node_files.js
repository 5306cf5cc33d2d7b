// The files of the host for MicroPython's VfsPosix in Node: what its C library asks of WASI, snapshot preview 1. One
// folder is given beforehand (descriptor 3): /.
import * as fs from "node:fs";

const ERRNO = {
  EACCES: 2, EBADF: 8, EEXIST: 20, EFBIG: 22, EINVAL: 28, EIO: 29, EISDIR: 31, ELOOP: 32, EMFILE: 33, ENAMETOOLONG: 37,
  ENFILE: 41, ENOENT: 44, ENOSPC: 51, ENOTDIR: 54, ENOTEMPTY: 55, EPERM: 63, EROFS: 69, EXDEV: 75,
};
const ROOT = 3;
const DIRECTORY = 3, FILE = 4;
const CREAT = 1, DIRECTORY_ONLY = 2, EXCL = 4, TRUNC = 8, APPEND = 1; // flags of path_open
const READ = 1n << 1n, WRITE = 1n << 6n; // rights

export function hostFiles(machine) {
  const open = new Map([[ROOT, { path: "/", folder: true, at: 0n }]]);
  const view = () => new DataView(machine().memory.buffer);
  const bytes = (at, length) => new Uint8Array(machine().memory.buffer, at, length);
  const path = (at, length) => "/" + new TextDecoder().decode(bytes(at, length));
  const kind = (stat) => (stat.isDirectory() ? DIRECTORY : FILE);

  function file(number) {
    const one = open.get(number);
    if (!one) throw Object.assign(new Error("no such descriptor"), { code: "EBADF" });
    return one;
  }

  // f(...) of each piece of memory, until one is not done whole; all that was done goes to `done`.
  function pieces(list, count, done, f) {
    let all = 0;
    for (let i = 0; i < count; i++) {
      const at = view().getUint32(list + 8 * i, true), length = view().getUint32(list + 8 * i + 4, true);
      const part = length ? f(bytes(at, length)) : 0;
      all += part;
      if (part < length) break;
    }
    view().setUint32(done, all, true);
  }

  function transfer(number, list, count, done, f) {
    const one = file(number);
    pieces(list, count, done, (memory) => {
      const part = f(one.number, memory, 0, memory.length, one.append ? null : Number(one.at));
      one.at += BigInt(part);
      return part;
    });
  }

  const calls = {
    fd_prestat_get(number, at) {
      if (number !== ROOT) return ERRNO.EBADF;
      view().setUint32(at, 0, true);
      view().setUint32(at + 4, 1, true);
    },
    fd_prestat_dir_name(number, at, length) {
      bytes(at, length).set(new TextEncoder().encode("/"));
    },
    fd_fdstat_get(number, at) {
      const one = file(number);
      bytes(at, 24).fill(0);
      view().setUint8(at, one.folder ? DIRECTORY : FILE);
      view().setBigUint64(at + 8, 0xffffffffffffffffn, true);
      view().setBigUint64(at + 16, 0xffffffffffffffffn, true);
    },
    path_open(folder, follow, at, length, flags, rights, inheriting, fdFlags, result) {
      const name = path(at, length);
      const folderThere = fs.statSync(name, { throwIfNoEntry: false })?.isDirectory() ?? false;
      const one = { path: name, folder: folderThere, at: 0n, append: Boolean(fdFlags & APPEND) };
      if (flags & DIRECTORY_ONLY || folderThere) {
        if (!folderThere) return fs.existsSync(name) ? ERRNO.ENOTDIR : ERRNO.ENOENT;
        if (rights & WRITE) return ERRNO.EISDIR;
      } else {
        let mode = rights & WRITE ? (rights & READ ? fs.constants.O_RDWR : fs.constants.O_WRONLY) : fs.constants.O_RDONLY;
        if (flags & CREAT) mode |= fs.constants.O_CREAT;
        if (flags & EXCL) mode |= fs.constants.O_EXCL;
        if (flags & TRUNC) mode |= fs.constants.O_TRUNC;
        if (one.append) mode |= fs.constants.O_APPEND;
        one.number = fs.openSync(name, mode);
      }
      let free = ROOT + 1;
      while (open.has(free)) free++;
      open.set(free, one);
      view().setUint32(result, free, true);
    },
    fd_close(number) {
      const one = file(number);
      open.delete(number);
      if (!one.folder) fs.closeSync(one.number);
    },
    fd_read: (number, list, count, done) => transfer(number, list, count, done, fs.readSync),
    fd_write: (number, list, count, done) => transfer(number, list, count, done, fs.writeSync),
    fd_seek(number, offset, whence, result) {
      const one = file(number);
      const start = whence === 0 ? 0n : whence === 1 ? one.at : BigInt(fs.fstatSync(one.number).size);
      if (start + offset < 0n) return ERRNO.EINVAL;
      one.at = start + offset;
      view().setBigUint64(result, one.at, true);
    },
    fd_sync(number) {
      fs.fsyncSync(file(number).number);
    },
    fd_readdir(number, at, length, cookie, result) {
      const names = [".", "..", ...fs.readdirSync(file(number).path)];
      let used = 0;
      for (let i = Number(cookie); i < names.length && used < length; i++) {
        const name = new TextEncoder().encode(names[i]), entry = new Uint8Array(24 + name.length);
        const stat = fs.statSync(`${file(number).path}/${names[i]}`, { throwIfNoEntry: false });
        const header = new DataView(entry.buffer);
        header.setBigUint64(0, BigInt(i + 1), true);
        header.setBigUint64(8, BigInt(stat?.ino ?? 0), true);
        header.setUint32(16, name.length, true);
        header.setUint8(20, stat ? kind(stat) : FILE);
        entry.set(name, 24);
        const part = entry.subarray(0, length - used);
        bytes(at + used, part.length).set(part);
        used += part.length;
      }
      view().setUint32(result, used, true);
    },
    path_filestat_get(folder, follow, at, length, result) {
      const stat = fs.statSync(path(at, length), { bigint: true });
      bytes(result, 64).fill(0);
      view().setBigUint64(result, stat.dev, true);
      view().setBigUint64(result + 8, stat.ino, true);
      view().setUint8(result + 16, kind(stat));
      view().setBigUint64(result + 24, stat.nlink, true);
      view().setBigUint64(result + 32, stat.size, true);
      for (const [i, time] of [stat.atimeNs, stat.mtimeNs, stat.ctimeNs].entries()) view().setBigUint64(result + 40 + 8 * i, time, true);
    },
    path_create_directory: (folder, at, length) => fs.mkdirSync(path(at, length)),
    path_remove_directory: (folder, at, length) => fs.rmdirSync(path(at, length)),
    path_unlink_file: (folder, at, length) => fs.unlinkSync(path(at, length)),
    path_rename: (from, at, length, to, newAt, newLength) => fs.renameSync(path(at, length), path(newAt, newLength)),
    poll_oneoff: () => ERRNO.EINVAL,
    proc_exit(status) {
      throw new Error(`MicroPython's C library has ended with ${status}`);
    },
  };
  return Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, (...args) => {
    try {
      return call(...args) || 0;
    } catch (error) {
      if (error.code in ERRNO) return ERRNO[error.code];
      if (typeof error.code === "string") return ERRNO.EIO;
      throw error;
    }
  }]));
}
