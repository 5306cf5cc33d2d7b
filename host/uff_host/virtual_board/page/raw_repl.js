// A board's raw REPL: stops what runs, runs code, starts the board again. The board of the page and one on a serial port
// differ only in send().
const SILENCE_MS = 30000; // of a board that has something to say
const AGAIN_MS = 1500; // until a board that does not answer is asked once more
export const LIFE = "\x1b[!p"; // what the page's board says first after a reset: "soft terminal reset"

// Its message is a sentence for the user.
export class BoardError extends Error {}

export class RawRepl {
  constructor(send) {
    this.send = send;
    this.received = "";
    this.wake = () => {};
  }

  // What the board says.
  receive(text) {
    this.received += text;
    this.wake();
  }

  // The board has gone; what is waited for never comes.
  fail(sentence) {
    this.failed = new BoardError(sentence);
    this.wake();
  }

  // Stops what runs, and is in the raw REPL then.
  async enter() {
    this.received = "";
    this.failed = null;
    this.send("\x03");
    await this.until(">>> ", AGAIN_MS).catch(() => {}); // none comes where it is in the raw REPL already
    for (let attempt = 0; ; attempt++) {
      this.received = "";
      this.send(attempt ? "\r\x03\x03\r\x01" : "\x01");
      try {
        return await this.until("CTRL-B to exit\r\n>", AGAIN_MS);
      } catch (error) {
        if (attempt === 10 || this.failed) throw error;
      }
    }
  }

  // Runs code; what it prints. BoardError with the sentence of a Refused, or with the exception.
  async run(code) {
    this.send(code + "\x04");
    await this.until("OK");
    const printed = await this.until("\x04"), trace = (await this.until("\x04")).trim();
    await this.until(">");
    if (!trace) return printed;
    const last = trace.split("\n").at(-1);
    const [, kind, text] = /^(\w+): ?(.*)$/.exec(last) ?? [null, "", last];
    if (kind === "Refused" || kind === "TooMuch") throw new BoardError(text[0].toUpperCase() + text.slice(1) + ".");
    if (kind === "OSError" && /\b28\b/.test(text)) throw new BoardError("The board's disk is full.");
    if (kind === "KeyboardInterrupt") throw new BoardError("The board was interrupted.");
    if (kind === "ImportError") throw new BoardError("This board has no application of µFF, or an older one.");
    throw new BoardError(`The board says: ${last}.`);
  }

  // Back to the prompt; with `restart` the board starts anew from there.
  async leave(restart) {
    if (this.failed) return;
    this.received = "";
    this.send("\x02");
    await this.until(">>> ");
    if (!restart) return;
    this.send("\x04");
    await this.until("soft reboot");
  }

  // What comes before `mark`, which is taken too.
  async until(mark, patience = SILENCE_MS) {
    for (;;) {
      if (this.failed) throw this.failed;
      if (this.received.includes(LIFE)) throw this.failed = new BoardError("The board was reset meanwhile.");
      const at = this.received.indexOf(mark);
      if (at >= 0) {
        const found = this.received.slice(0, at);
        this.received = this.received.slice(at + mark.length);
        return found;
      }
      const had = this.received.length;
      await new Promise((resolve) => {
        const late = setTimeout(resolve, patience);
        this.wake = () => {
          clearTimeout(late);
          resolve();
        };
      });
      if (this.received.length === had && !this.failed) throw new BoardError("The board's REPL does not answer.");
    }
  }
}
