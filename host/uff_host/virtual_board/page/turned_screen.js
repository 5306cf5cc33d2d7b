// The board's screen turned clockwise, its 800 pixels along the height of a narrow page: for a phone that does not turn
// its page, and is held sideways all the same.
const NARROW = "(max-width: 560px) and (orientation: portrait)"; // where that makes it larger
const KEPT = "screen turned"; // in localStorage, where the page has it

function kept() {
  try {
    return localStorage.getItem(KEPT) === "yes";
  } catch {
    return false; // the browser keeps nothing for this page
  }
}

function keep(wish) {
  try {
    localStorage.setItem(KEPT, wish ? "yes" : "no");
  } catch { /* until the page is closed */ }
}

export class TurnedScreen {
  // canvas: the screen; board: the element that gets the class "turned"; button: the wish, shown on narrow pages alone.
  constructor({ canvas, board, button }) {
    Object.assign(this, { canvas, board, button });
    this.wish = kept();
    this.narrow = matchMedia(NARROW);
    this.narrow.addEventListener("change", () => this.show());
    button.addEventListener("click", () => {
      this.wish = !this.wish;
      keep(this.wish);
      this.show();
    });
    this.show();
  }

  show() {
    this.turned = this.wish && this.narrow.matches;
    this.button.hidden = !this.narrow.matches;
    this.button.setAttribute("aria-pressed", String(this.wish));
    this.board.classList.toggle("turned", this.turned);
  }

  // As things lie now: a function from a place in the window to the pixel of the screen that is there.
  fromWindow() {
    const { width, height } = this.canvas, area = this.canvas.getBoundingClientRect();
    if (this.turned) return (x, y) => [(y - area.top) * width / area.height, (area.right - x) * height / area.width];
    return (x, y) => [(x - area.left) * width / area.width, (y - area.top) * height / area.height];
  }
}
