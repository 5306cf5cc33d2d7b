import { RunningBoard } from "../../firmware_build/web/js/running_board.js";

// Runs code on a board with this disk; onSaid gets all that it has said so far, each time it says more.
export async function run(module, disk, code, onSaid = () => {}) {
  let said = "", printed = 0, board;
  await new Promise((resolve, reject) => {
    board = new RunningBoard({
      module, disk, width: 480, height: 272,
      tell: (message) => {
        if (!("console" in message)) return;
        said += message.console;
        onSaid(said);
        if (said.includes("\nEND")) resolve();
        if (said.includes("Traceback")) reject(new Error(said));
        queueMicrotask(() => board.receive({ printed: ++printed }));
      },
      draw: () => {},
    });
    board.hardware.button = true; // the REPL, not the application
    board.type(`\x05${code.trim().replaceAll("\n", "\r")}\rprint("EN" + "D")\r\x04`);
    board.run().catch(reject);
  });
  const { memory } = board.machine;
  board.off();
  return { said, bytes: memory.buffer.byteLength };
}
