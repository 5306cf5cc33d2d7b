// The way to the board of `uff board`: a WebSocket to its server (server.py). A page that carries its board with it has
// another file of this name and the same face:
//
//   connect(page) -> { send(message) }   begins; what is sent while there is no connection is lost
//   page.open()             a connection, at the start and each time it has come back
//   page.receive(message)   an object: hello, console, leds, button or numbers
//   page.draw(buffer)       a frame, an ArrayBuffer; both are laid out as server.py says
//   page.away(sentence)     there is no connection, and why
//
// What a page sends are the messages of messages.py.
export function connect(page) {
  let socket = null;
  let patience = 250; // ms until the next try

  function open() {
    socket = new WebSocket(new URL("socket", location.href.replace(/^http/, "ws")));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      patience = 250;
      page.open();
    };
    socket.onmessage = (event) => {
      if (typeof event.data === "string") page.receive(JSON.parse(event.data));
      else page.draw(event.data);
    };
    socket.onclose = (event) => {
      page.away(event.code === 1013 // try again later
        ? `${event.reason}, and the board has no room for more. Close one.`
        : "The board is off. Start it by `uff board`; a new start has a new address.");
      setTimeout(open, patience);
      patience = Math.min(2 * patience, 4000);
    };
  }

  open();
  return {
    send(message) {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    },
  };
}
