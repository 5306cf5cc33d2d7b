// The page's side of the board: frames onto the canvas, pointers, buttons and keys to the board, wherever that is
// (transport.js).
import { FilesPanel } from "./files.js";
import { ScreenControls } from "./screen_controls.js";
import { Terminal } from "./terminal.js";
import { connect } from "./transport.js";
import { TurnedScreen } from "./turned_screen.js";

const $ = (id) => document.getElementById(id);
const screen = $("screen");
const context = screen.getContext("2d", { alpha: false });
const turning = new TurnedScreen({ canvas: screen, board: document.querySelector(".board"), button: $("turn") });

// ---- the board ----

let printed = 0; // pieces of console

function open() {
  printed = 0;
  fingers.clear();
  terminal.raw = false;
  terminal.clear();
  $("away").hidden = true;
  if (held) send({ button: true });
}

function away(sentence) {
  $("away").hidden = false;
  $("away").textContent = sentence;
  $("state").textContent = "no connection";
  files.gone();
}

function send(message) {
  board.send(message);
}

function receive(message) {
  if ("hello" in message) {
    const { width, height, port, folder, files } = message.hello;
    if (screen.width !== width || screen.height !== height) Object.assign(screen, { width, height });
    const { style } = document.querySelector(".board");
    style.flexBasis = `${width + 90}px`;
    style.setProperty("--shape", width / height);
    $("port").textContent = port;
    $("port").hidden = !port;
    $("files").hidden = !files;
    $("files").textContent = files || "";
    $("erase").hidden = !message.hello.erases;
    $("port").title = `The board's serial port (files: ${folder}). Click to copy: mpremote connect ${port}`;
    state();
  } else if ("console" in message) {
    terminal.write(message.console);
    send({ printed: ++printed });
    files.receive(message.console);
    state();
  } else if ("leds" in message) {
    message.leds.forEach((on, number) => {
      $(`led${number}`).classList.toggle("on", on);
      $(`led${number}`).setAttribute("aria-label", `LD${number + 1} ${on ? "on" : "off"}`);
    });
  } else if ("screen" in message) {
    controls.show(message.screen, screen.width, screen.height);
  } else if ("button" in message) {
    $("user").classList.toggle("held", message.button);
  } else if ("numbers" in message) {
    numbers = window.board.numbers = message.numbers;
    tell();
  }
}

// ---- the screen ----

const COLOURS = new Uint32Array(65536); // RGB565 -> what a canvas holds, red in the lowest byte
for (let pixel = 0; pixel < 65536; pixel++) {
  const red = ((pixel >> 11) * 255 / 31) | 0, green = ((pixel >> 5 & 63) * 255 / 63) | 0, blue = ((pixel & 31) * 255 / 31) | 0;
  COLOURS[pixel] = (0xff000000 | blue << 16 | green << 8 | red) >>> 0;
}

function draw(buffer) {
  const view = new DataView(buffer);
  const number = view.getUint32(0, true), stamp = view.getUint32(4, true), count = view.getUint16(8, true);
  let at = 10;
  for (let i = 0; i < count; i++) {
    const [x, y, width, height] = [0, 2, 4, 6].map((offset) => view.getUint16(at + offset, true));
    const pixels = new Uint16Array(buffer, at + 8, width * height);
    const image = new ImageData(width, height);
    const colours = new Uint32Array(image.data.buffer);
    for (let n = 0; n < pixels.length; n++) colours[n] = COLOURS[pixels[n]];
    context.putImageData(image, x, y);
    at += 8 + 2 * pixels.length;
  }
  send({ drawn: number });
  window.board.drawnAt = performance.now();
  if (touchedAt.has(stamp)) {
    latencies.push(performance.now() - touchedAt.get(stamp));
    if (latencies.length > 1000) latencies.shift();
    for (const older of touchedAt.keys()) if (older <= stamp) touchedAt.delete(older);
  }
}

// ---- fingers ----

const fingers = new Set();
const touchedAt = new Map(); // stamp of what was sent -> when the event arose
const latencies = [];
const MOVES = 64; // of a message
let stamp = 0;

function touch(event, doing) {
  const pixel = turning.fromWindow();
  const coalesced = doing === "move" && event.getCoalescedEvents ? event.getCoalescedEvents() : [];
  const step = Math.ceil(coalesced.length / MOVES); // a page that stood still has many
  const few = coalesced.filter((one, number) => (coalesced.length - 1 - number) % step === 0);
  const moves = (few.length ? few : [event]).map((one) => [
    event.pointerId, doing,
    ...pixel(one.clientX, one.clientY).map((place) => Math.round(place * 8) / 8),
    Math.round(one.timeStamp * 10) / 10,
  ]);
  stamp++;
  if (doing !== "lift") touchedAt.set(stamp, moves[0][4]);
  if (touchedAt.size > 100) touchedAt.delete(touchedAt.keys().next().value);
  send({ touch: moves, stamp });
}

screen.addEventListener("pointerdown", (event) => {
  if (event.pointerType === "mouse" && event.button !== 0) return;
  event.preventDefault();
  document.activeElement?.blur(); // Enter is the screen's now, not that of the button that was pressed last
  screen.setPointerCapture(event.pointerId);
  fingers.add(event.pointerId);
  touch(event, "press");
});
// Not held back until the next repaint, where a browser can.
screen.addEventListener("onpointerrawupdate" in screen ? "pointerrawupdate" : "pointermove", (event) => {
  if (fingers.has(event.pointerId)) touch(event, "move");
});
for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
  screen.addEventListener(name, (event) => {
    if (fingers.delete(event.pointerId)) touch(event, "lift");
  });
}
screen.addEventListener("contextmenu", (event) => event.preventDefault());

// Where keys go that are typed now.
function whereKeysGo() {
  const pane = $("terminal").contains(document.activeElement);
  $("typing").textContent = pane ? "Keys go to the REPL; Escape leaves it." : "";
  const sentence = controls.keyboardOpen && !pane ? controls.refused || "Keys go to the screen; Escape cancels." : "";
  if ($("keys-go").textContent !== sentence) $("keys-go").textContent = sentence;
}

const controls = new ScreenControls({
  group: $("controls"),
  live: $("screen-says"),
  touch: (pointer, doing, x, y) => send({ touch: [[pointer, doing, x, y, performance.now()]], stamp: ++stamp }),
  changed: whereKeysGo,
});

// ---- buttons ----

let held = false;

function hold(down) {
  if (held === down) return;
  held = down;
  send({ button: held });
}

$("user").addEventListener("pointerdown", (event) => {
  $("user").setPointerCapture(event.pointerId);
  hold(true);
});
for (const name of ["pointerup", "pointercancel"]) $("user").addEventListener(name, () => hold($("hold").checked));
$("user").addEventListener("keydown", (event) => {
  if (event.key === " " || event.key === "Enter") hold(true);
});
$("user").addEventListener("keyup", () => hold($("hold").checked));
$("hold").addEventListener("change", () => hold($("hold").checked));
$("reset").addEventListener("click", () => send({ reset: true }));
$("erase").addEventListener("click", () => {
  if (confirm("Remove all drawings and files of this board?")) send({ erase: true });
});

// ---- the console ----

function type(text) {
  for (const keys of text.match(/[^]{1,4096}/gu) || []) send({ keys }); // a message has a limit
}

// While the page itself reads or writes the board's files, nobody else types.
const terminal = new Terminal($("terminal"), (text) => files.repl || type(text));
const files = new FilesPanel({
  send: type,
  get asks() { return terminal.asks; },
  get busy() { return terminal.raw; },
});
$("stop").addEventListener("click", () => terminal.send("\x03"));
$("restart").addEventListener("click", () => terminal.send("\x04"));
$("clear").addEventListener("click", () => terminal.clear());
$("port").addEventListener("click", () => navigator.clipboard?.writeText(`mpremote connect ${$("port").textContent}`));

// A program runs until MicroPython asks for the next line.
function state() {
  const sentence = terminal.raw ? "a program reads or writes the board's files"
    : terminal.asks ? "stopped: press Ctrl-D or RESET below" : "running";
  if ($("state").textContent !== sentence) $("state").textContent = sentence;
}

$("terminal").addEventListener("focusin", whereKeysGo);
$("terminal").addEventListener("focusout", () => setTimeout(whereKeysGo)); // the focus is not yet where it goes

// ---- numbers ----

let numbers = null;

function percentile(part) {
  const sorted = [...latencies].sort((a, b) => a - b);
  return sorted[Math.round(part * (sorted.length - 1))];
}

function tell() {
  if (!numbers) return;
  const words = [`${numbers.fps} updates/s`];
  if (numbers.median_ms) words.push(`touch to frame ${numbers.median_ms} ms, 95 % within ${numbers.p95_ms} ms`);
  if (latencies.length) words.push(`to this page ${percentile(0.5).toFixed(0)} ms, 95 % within ${percentile(0.95).toFixed(0)} ms`);
  if (numbers.pages > 1) words.push(`${numbers.pages} pages`);
  $("status").textContent = words.join(" · ");
}

window.board = { latencies, percentile, terminal, files, controls, drawnAt: 0 }; // for tests
const board = connect({ open, receive, draw, away });
