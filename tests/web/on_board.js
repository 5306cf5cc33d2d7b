import { RunningBoard } from "../../firmware_build/web/js/running_board.js";

// Runs code on a board with this disk; onOutput gets all that it has printed so far, each time it prints more.
export async function run(module, disk, code, onOutput = () => {}) {
  let output = "", printed = 0, board;
  await new Promise((resolve, reject) => {
    board = new RunningBoard({
      module, disk, width: 480, height: 272,
      tell: (message) => {
        if (!("console" in message)) return;
        output += message.console;
        onOutput(output);
        if (output.includes("\nEND")) resolve();
        if (output.includes("Traceback")) reject(new Error(output));
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
  return { output, bytes: memory.buffer.byteLength };
}
