// A small terminal: what MicroPython's line editor needs (\r \n \b \t and ESC [ A B C D G K J H), and scrolling back.
// What a program and the board say to each other in the raw REPL (mpremote) is not shown: a line stands for it.
const LINES = 1000;
const RAW = "raw REPL; CTRL-B to exit"; // a line, and ">" below it
const COOKED = 'Type "help()" for more information.\r\n'; // after Ctrl-B
const RESET = "\x1b[!p"; // a new life of the board
const HIDDEN = "[not shown: what a program and the board say to each other]";
const KEYS = {
  Enter: "\r", Backspace: "\x7f", Tab: "\t", ArrowUp: "\x1b[A", ArrowDown: "\x1b[B", ArrowRight: "\x1b[C",
  ArrowLeft: "\x1b[D", Home: "\x1b[H", End: "\x1b[F", Delete: "\x1b[3~",
};

function escape(letter) {
  const code = letter.codePointAt(0), digits = code < 0x100 ? 2 : code < 0x10000 ? 4 : 8;
  return `\\${{ 2: "x", 4: "u", 8: "U" }[digits]}${code.toString(16).padStart(digits, "0")}`;
}

export class Terminal {
  constructor(element, onKeys) {
    this.element = element;
    this.onKeys = onKeys;
    this.rows = document.createElement("div");
    this.input = document.createElement("textarea");
    this.input.setAttribute("aria-label", "Type to the REPL; Escape leaves it");
    for (const name of ["autocomplete", "autocorrect", "autocapitalize"]) this.input.setAttribute(name, "off");
    this.input.spellcheck = false;
    element.append(this.rows, this.input);
    this.raw = false; // whether the board is in the raw REPL
    this.clear();
    element.addEventListener("mouseup", () => {
      if (getSelection().isCollapsed) this.input.focus({ preventScroll: true });
    });
    this.input.addEventListener("keydown", (event) => this.keydown(event));
    this.input.addEventListener("input", (event) => {
      if (event.isComposing) return;
      this.type(this.input.value);
      this.input.value = "";
    });
    this.input.addEventListener("compositionend", () => {
      this.type(this.input.value);
      this.input.value = "";
    });
    this.input.addEventListener("paste", (event) => {
      event.preventDefault();
      this.paste(event.clipboardData.getData("text"));
    });
  }

  clear() {
    const last = this.lines ? this.lines[this.y] : [];
    this.lines = [last];
    this.y = 0;
    this.x = Math.min(this.x || 0, last.length);
    this.state = "";
    this.rows.replaceChildren(this.row());
    this.changed = new Set([0]);
    this.draw();
  }

  row() {
    return document.createElement("div");
  }

  // ---- what the board says ----

  write(text) {
    const element = this.element;
    const atEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - 24;
    this.changed.add(this.y);
    for (const character of text) this.put(character);
    this.changed.add(this.y);
    const over = this.lines.length - LINES;
    if (over > 0) {
      this.lines.splice(0, over);
      this.y -= over;
      for (let i = 0; i < over; i++) this.rows.firstChild.remove();
      this.changed = new Set([...this.changed].map((y) => y - over));
    }
    this.draw();
    if (atEnd) element.scrollTop = element.scrollHeight;
  }

  // hidden: the last of what it said there.
  enterRaw() {
    this.raw = true;
    this.hidden = "";
    this.y--;
    if (this.lines[this.y - 1]?.join("") === HIDDEN) this.y--;
    this.lines.length = this.y + 1;
    while (this.rows.children.length > this.lines.length) this.rows.lastChild.remove();
    this.lines[this.y] = [...HIDDEN];
    this.x = 0;
    this.down();
  }

  putRaw(character) {
    this.hidden = (this.hidden + character).slice(-COOKED.length);
    if (this.hidden === COOKED || this.hidden.endsWith(RESET)) this.raw = false;
  }

  put(character) {
    if (this.raw) {
      this.putRaw(character);
      return;
    }
    if (character === ">" && this.x === 0 && !this.state && this.lines[this.y - 1]?.join("") === RAW) {
      this.enterRaw();
      return;
    }
    if (this.state) {
      this.state += character;
      const sequence = /^\x1b\[([0-9;]*)([@-~])$/.exec(this.state);
      if (sequence) this.control(sequence[2], parseInt(sequence[1], 10) || 0);
      if (sequence || !/^\x1b(\[[0-9;?!]*)?$/.test(this.state)) this.state = "";
      return;
    }
    const line = this.lines[this.y];
    if (character === "\x1b") this.state = character;
    else if (character === "\r") this.x = 0;
    else if (character === "\n") this.down();
    else if (character === "\b") this.x = Math.max(0, this.x - 1);
    else if (character === "\t") do this.put(" "); while (this.x % 8);
    else if (character >= " " && character !== "\x7f") {
      while (line.length < this.x) line.push(" ");
      line[this.x++] = character;
    }
  }

  down() {
    this.changed.add(this.y);
    this.y++;
    if (this.y === this.lines.length) {
      this.lines.push([]);
      this.rows.append(this.row());
    }
    this.changed.add(this.y);
  }

  control(name, number) {
    const line = this.lines[this.y];
    const count = number || 1;
    if (name === "D") this.x = Math.max(0, this.x - count);
    else if (name === "C") this.x += count;
    else if (name === "G") this.x = count - 1;
    else if (name === "A") this.y = Math.max(0, this.y - count);
    else if (name === "B") for (let i = 0; i < count; i++) this.down();
    else if (name === "K") {
      if (number === 0) line.length = Math.min(line.length, this.x);
      else for (let x = 0; x < (number === 1 ? Math.min(this.x + 1, line.length) : line.length); x++) line[x] = " ";
    } else if (name === "J" && number === 0) {
      line.length = Math.min(line.length, this.x);
      this.lines.length = this.y + 1;
      while (this.rows.children.length > this.lines.length) this.rows.lastChild.remove();
    } else if ((name === "J" && number >= 2) || name === "H") {
      if (name === "J") this.clear();
      this.x = 0;
    }
    this.changed.add(this.y);
  }

  draw() {
    if (this.drawnAt !== undefined) this.changed.add(this.drawnAt);
    for (const y of this.changed) {
      const row = this.rows.children[y];
      if (!row) continue;
      const line = this.lines[y];
      if (y !== this.y) {
        row.textContent = line.join("");
        continue;
      }
      const cursor = document.createElement("span");
      cursor.className = "cursor";
      cursor.textContent = line[this.x] || " ";
      const before = line.slice(0, this.x).join("").padEnd(this.x);
      row.replaceChildren(before, cursor, line.slice(this.x + 1).join(""));
    }
    this.drawnAt = this.y;
    this.changed.clear();
  }

  // Whether the cursor stands behind a prompt of MicroPython.
  get asks() {
    return /^(>>> |\.\.\. |=== )/.test(this.lines[this.y].join("") + " ");
  }

  get text() {
    return this.lines.map((line) => line.join("")).join("\n");
  }

  // ---- what is typed ----

  send(text) {
    if (!text) return;
    this.element.scrollTop = this.element.scrollHeight;
    this.onKeys(text.replaceAll("\r\n", "\r").replaceAll("\n", "\r"));
  }

  // MicroPython's line editor passes over letters beyond ASCII, which only texts and comments can have; there it takes their
  // escapes. A program that reads gets the letters.
  type(text) {
    this.send(this.asks ? text.replace(/[^\x00-\x7f]/gu, escape) : text);
  }

  // Several lines, and letters beyond ASCII, go by the REPL's paste mode, which takes all as it is.
  paste(text) {
    const lines = text.replaceAll("\r\n", "\n").replace(/\n$/, "");
    this.send(this.asks && /[^\x00-\x09\x0b-\x7f]/.test(lines) ? "\x05" + lines + "\x04" : text);
  }

  keydown(event) {
    if (event.isComposing || event.altKey || event.metaKey) return;
    if (event.key === "Escape") {
      this.input.blur();
    } else if (event.ctrlKey) {
      const chosen = getSelection();
      const copies = event.key === "c" && !chosen.isCollapsed && this.rows.contains(chosen.anchorNode);
      if (copies || event.shiftKey || event.key === "v" || !/^[a-z]$/i.test(event.key)) return;
      this.send(String.fromCharCode(event.key.toUpperCase().charCodeAt(0) - 64));
    } else if (KEYS[event.key] && !(event.key === "Tab" && event.shiftKey)) {
      this.send(KEYS[event.key]);
    } else {
      return;
    }
    event.preventDefault();
  }
}
