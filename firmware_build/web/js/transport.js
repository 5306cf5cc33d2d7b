// The way from the page to its board, which is a worker of the page: the same face as the virtual board's
// (host/uff_host/virtual_board/page/transport.js), the same messages.
const NEEDS = [
  ["WebAssembly", () => typeof WebAssembly === "object"],
  // A function with a vector, one with try and catch.
  ["WebAssembly with vectors (SIMD)", () => WebAssembly.validate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11]))],
  ["WebAssembly with exceptions", () => WebAssembly.validate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 8, 1, 6, 0, 6, 64, 25, 11, 11]))],
  ["Web Locks (a page by https, or on this machine)", () => "locks" in navigator],
];

export function connect(page) {
  const missing = NEEDS.filter(([, there]) => !there()).map(([name]) => name);
  if (missing.length) {
    page.away(`This browser lacks ${missing.join(", ")}. Chrome or Edge from 98, Firefox from 114 and Safari from 16.4 have it.`);
    return { send() {} };
  }
  const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => {
    if (data instanceof ArrayBuffer) page.draw(data);
    else if ("open" in data) page.open();
    else if ("away" in data) page.away(data.away);
    else page.receive(data);
  };
  worker.onerror = (event) => page.away(`The board does not run here: ${event.message || "this browser has no module workers"}.`);
  return { send: (message) => worker.postMessage(message) };
}
