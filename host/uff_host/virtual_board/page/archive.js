// Formats of files on the page: samples (docs/formats.md), PNG of grey pixels, and zip.
export const SIDE = 28;
const LARGEST = 1 << 20; // bytes of a picture

const CRCS = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

export function crc32(bytes, before = 0) {
  let crc = ~before;
  for (const byte of bytes) crc = CRCS[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

function little(size, ...numbers) {
  const bytes = new Uint8Array(size * numbers.length), view = new DataView(bytes.buffer);
  numbers.forEach((number, i) => (size === 2 ? view.setUint16(2 * i, number, true) : view.setUint32(4 * i, number, true)));
  return bytes;
}

export function joined(...parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const text = (words) => new TextEncoder().encode(words);
const filled = (bytes) => joined(bytes, new Uint8Array((4 - (bytes.length & 3)) & 3));

// ---- samples ----

// A samples file of these drawings: names of classes, label and SIDE x SIDE pixels of each.
export function samplesFile({ names, labels, images }) {
  const packed = filled(joined(...names.map((name) => joined([text(name).length], text(name)))));
  const header = joined(text("UFFS"), little(2, 1, 16 + packed.length + 4, SIDE, SIDE, names.length, 0), packed);
  const records = images.map((pixels, number) => {
    const record = filled(joined([1, labels[number], 0, 0], pixels));
    return joined(record, little(4, crc32(record, crc32(little(4, number)))));
  });
  return joined(header, little(4, crc32(header)), ...records);
}

// ---- PNG ----

function adler32(bytes) {
  let a = 1, b = 0;
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return ((b << 16) | a) >>> 0;
}

const big = (number) => little(4, number).reverse();

function chunk(name, data) {
  const named = joined(text(name), data);
  return joined(big(data.length), named, big(crc32(named)));
}

// Grey pixels as a PNG; its data are stored, which for so few is as short.
export function png(pixels) {
  const rows = joined(...Array.from({ length: SIDE }, (_, y) => joined([0], pixels.subarray(y * SIDE, (y + 1) * SIDE))));
  const stored = joined([0x78, 1, 1], little(2, rows.length, ~rows.length & 0xffff), rows, big(adler32(rows)));
  const signature = [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10];
  return joined(signature, chunk("IHDR", joined(big(SIDE), big(SIDE), [8, 0, 0, 0, 0])), chunk("IDAT", stored), chunk("IEND", []));
}

// The grey pixels of a picture of SIDE x SIDE; null for another one.
export async function pixelsOf(bytes) {
  let picture;
  try {
    picture = await createImageBitmap(new Blob([bytes]), { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    return null;
  }
  if (picture.width !== SIDE || picture.height !== SIDE) return null;
  const canvas = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  return Uint8Array.from({ length: SIDE * SIDE }, (_, i) => Math.round((299 * data[4 * i] + 587 * data[4 * i + 1] + 114 * data[4 * i + 2]) / 1000));
}

// ---- zip ----

// [[name, bytes], ...] as a zip, stored.
export function zip(files) {
  const parts = [], list = [];
  let at = 0;
  for (const [name, bytes] of files) {
    const named = text(name);
    // Version 2.0, names in UTF-8, stored, 1 January 1980.
    const what = joined(little(2, 20, 0x800, 0, 0, 0x21), little(4, crc32(bytes), bytes.length, bytes.length), little(2, named.length, 0));
    list.push(joined(text("PK\x01\x02"), little(2, 20), what, little(2, 0, 0, 0), little(4, 0, at), named));
    parts.push(text("PK\x03\x04"), what, named, bytes);
    at += 30 + named.length + bytes.length;
  }
  const entries = joined(...list);
  return joined(...parts, entries, text("PK\x05\x06"), little(2, 0, 0, list.length, list.length), little(4, entries.length, at), little(2, 0));
}

// The files of a zip, [[name, bytes], ...], without folders. RangeError for what is none, or damaged.
export async function unzip(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length), files = [];
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) throw new RangeError("no zip");
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left; left--) {
    if (view.getUint32(at, true) !== 0x02014b50) throw new RangeError("damaged");
    const method = view.getUint16(at + 10, true), crc = view.getUint32(at + 16, true);
    const packed = view.getUint32(at + 20, true), size = view.getUint32(at + 24, true), place = view.getUint32(at + 42, true);
    const [nameLength, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    at += 46 + nameLength + extra + comment;
    if (name.endsWith("/")) continue;
    if (size > LARGEST) throw new RangeError("too large");
    const start = place + 30 + view.getUint16(place + 26, true) + view.getUint16(place + 28, true);
    const found = await unpacked(bytes.subarray(start, start + packed), method, size);
    if (found.length !== size || crc32(found) !== crc) throw new RangeError("damaged");
    files.push([name, found]);
  }
  return files;
}

async function unpacked(bytes, method, size) {
  if (method === 0) return bytes;
  if (method !== 8) throw new RangeError("packed in another way");
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const parts = [];
  try {
    for (let got = 0; got <= size;) {
      const { value, done } = await reader.read();
      if (done) break;
      parts.push(value);
      got += value.length;
    }
  } catch {
    throw new RangeError("damaged");
  }
  reader.cancel().catch(() => {});
  return joined(...parts);
}
