// The touchscreen without a pointer: what the board says is on its screen (device/virtual_board/transcript.py) becomes
// buttons over the screen, which tap it, and a line that is read aloud. Where the application's keyboard is open, the
// computer's keys tap it.
const SETTLED_MS = 300; // a sentence that stands so long is read aloud
const HELD_MS = 40; // a tap
const CHANGE_MS = 15000; // after which a tap has not changed the page; on a busy machine it takes long
const FINGER = 4000000000; // no pointer has this number
const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
// Controls that show no text.
const NAMES = { backspace: "delete the last letter", field: "drawing field", previous: "previous page", next: "next page" };

const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function nameOf(name, text) {
  const [kind, number] = name.split(" ");
  if (kind === "field") return text ? `drawing field: ${text}` : "drawing field";
  if (kind === "thumbnail") return `drawing ${Number(number) + 1}${text.includes("!") ? ", looks mislabelled" : ""}`;
  return (text || NAMES[kind] || name).replace(/(^| )!( |$)/, "$1(looks mislabelled)$2");
}

// The same letter, small or capital; itself where it has no other case.
function other(letter) {
  const turned = letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase();
  return turned.length === letter.length ? turned : letter;
}

export class ScreenControls {
  // group: an element over the screen; live: the line that is read aloud; touch(pointer, doing, x, y) touches the screen;
  // changed() is called when keyboardOpen may be another.
  constructor({ group, live, touch, changed }) {
    Object.assign(this, { group, live, touch, changed });
    this.buttons = new Map();
    this.report = null;
    this.announced = "";
    this.refused = ""; // what could not be typed
    this.queue = Promise.resolve();
    this.waiting = () => {};
    group.addEventListener("keydown", (event) => this.arrows(event));
    document.addEventListener("keydown", (event) => this.keydown(event));
  }

  get keyboardOpen() {
    return this.report?.page === "KeyboardPage";
  }

  // What is on the screen now, of `width` x `height` pixels; null: nobody says.
  show(report, width, height) {
    this.report = report;
    const controls = report?.controls ?? [];
    const names = new Set(controls.map(([name]) => name));
    const focused = [...this.buttons].find(([, button]) => button === document.activeElement)?.[0];
    for (const [name, button] of this.buttons) {
      if (names.has(name)) continue;
      button.remove();
      this.buttons.delete(name);
    }
    for (const [name, x, y, w, h, text, usable] of controls) {
      const button = this.buttons.get(name) ?? this.make(name);
      button.setAttribute("aria-label", nameOf(name, text));
      button.setAttribute("aria-disabled", String(!usable));
      button.middle = [x + w / 2, y + h / 2];
      const place = { left: x / width, top: y / height, width: w / width, height: h / height };
      for (const [side, part] of Object.entries(place)) button.style[side] = `${100 * part}%`;
    }
    const ordered = controls.map(([name]) => this.buttons.get(name));
    // A button that is moved loses the focus.
    if (ordered.some((button, i) => this.group.children[i] !== button)) this.group.replaceChildren(...ordered);
    const first = controls.find(([name]) => name !== "field")?.[0];
    this.current = names.has(this.current) ? this.current : first;
    for (const [name, button] of this.buttons) button.tabIndex = name === this.current ? 0 : -1;
    if (focused !== undefined && !(names.has(focused) && document.activeElement === this.buttons.get(focused))) {
      this.buttons.get(names.has(focused) ? focused : this.current)?.focus({ preventScroll: true });
    }
    this.say([...(report?.texts ?? []), ...controls.filter(([name]) => name === "verdict").map((control) => control[5])].join(" "));
    this.waiting();
    this.changed();
  }

  make(name) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.control = name;
    button.addEventListener("focus", () => {
      this.current = name;
      for (const one of this.buttons.values()) one.tabIndex = one === button ? 0 : -1;
    });
    button.addEventListener("click", () => this.soon(() => this.tap(name)));
    this.buttons.set(name, button);
    return button;
  }

  say(sentence) {
    if (sentence === this.announced) return;
    this.announced = sentence;
    clearTimeout(this.late);
    this.late = setTimeout(() => { this.live.textContent = sentence; }, SETTLED_MS);
  }

  // ---- taps ----

  // One after the other.
  soon(work) {
    this.left = (this.left ?? 0) + 1;
    this.queue = this.queue.then(work).catch((error) => console.warn(error)).then(() => this.left--);
  }

  // Whether no tap is still to come.
  get idle() {
    return !this.left;
  }

  async tap(name) {
    const button = this.buttons.get(name);
    if (!button || name === "field") return;
    const [x, y] = button.middle;
    this.touch(FINGER, "press", x, y);
    await delay(HELD_MS);
    this.touch(FINGER, "lift", x, y);
    await delay(HELD_MS);
  }

  // A tap after which there are other keys.
  async turn(name) {
    const turned = new Promise((resolve) => {
      const late = setTimeout(resolve, CHANGE_MS);
      const keys = [...this.buttons.keys()].join();
      this.waiting = () => {
        if ([...this.buttons.keys()].join() === keys) return; // a letter before it has come late
        clearTimeout(late);
        this.waiting = () => {};
        resolve();
      };
    });
    await this.tap(name);
    await turned;
  }

  // ---- keys ----

  // Arrows go from control to control as they lie on the screen.
  arrows(event) {
    const direction = DIRECTIONS[event.key], from = this.buttons.get(this.current);
    if (!direction || !from || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    let best = null, least = Infinity;
    for (const button of this.buttons.values()) {
      const dx = button.middle[0] - from.middle[0], dy = button.middle[1] - from.middle[1];
      const along = dx * direction[0] + dy * direction[1], aside = Math.abs(dx * direction[1]) + Math.abs(dy * direction[0]);
      if (along > 1 && along + 3 * aside < least) [best, least] = [button, along + 3 * aside];
    }
    best?.focus({ preventScroll: true });
  }

  keydown(event) {
    if (!this.keyboardOpen || event.defaultPrevented || event.isComposing || event.target.closest("input, textarea, select")) return;
    const graph = event.getModifierState("AltGraph");
    if (event.metaKey || ((event.ctrlKey || event.altKey) && !graph)) return;
    const onControl = event.target.closest("button, summary, a");
    const name = { Backspace: "backspace", Enter: "done", Escape: "back" }[event.key];
    if ((event.key === "Enter" || event.key === " ") && onControl) return;
    if (!name && [...event.key].length !== 1) return;
    event.preventDefault();
    this.soon(() => (name ? this.tap(name) : this.type(event.key)));
  }

  has(letter) {
    return this.buttons.has(`key ${letter.codePointAt(0)}`);
  }

  press(letter) {
    return this.tap(`key ${letter.codePointAt(0)}`);
  }

  async type(letter) {
    if (!this.keyboardOpen) return;
    this.refused = "";
    if (await this.typed(letter)) return;
    await this.turn("signs");
    if (!await this.typed(letter)) this.refused = `The screen's keyboard has no ${letter}.`;
    await this.turn("signs");
  }

  // Types a letter of the keys that are shown, or of their other case; whether it is one.
  async typed(letter) {
    if (this.has(letter)) {
      await this.press(letter);
      return true;
    }
    if (other(letter) === letter || !this.has(other(letter))) return false;
    await this.turn("shift");
    const found = this.has(letter);
    if (found) await this.press(letter);
    await this.turn("shift");
    return found;
  }
}
