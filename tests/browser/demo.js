// The program itself: `simgauge demo` on a free port, gone when the tests are over.
import { spawn } from "node:child_process";

const PATIENCE_MS = 60_000;

export async function startDemo(program) {
  const child = spawn(program, ["demo", "--listen", "127.0.0.1:0"], {
    env: { ...process.env, SIMGAUGE__LOG__FILTER: "warn" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await new Promise((resolve, reject) => {
    let said = "";
    const late = setTimeout(() => {
      child.kill("SIGTERM");
      reject(new Error(`the demo is not ready:\n${said}`));
    }, PATIENCE_MS);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the demo ended with ${code}:\n${said}`)));
    child.stdout.on("data", (piece) => {
      said += piece;
      const ready = said.match(/^ready (http\S+)$/m);
      if (!ready) return;
      clearTimeout(late);
      resolve(ready[1]);
    });
  });
  return {
    url,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await gone;
    },
  };
}

// Uses up bytes of a card at its simulated operator, for the next refresh to read.
export async function addUsage(url, iccid, addBytes) {
  const answer = await fetch(`${url}/demo/usage`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ iccid, addBytes }),
  });
  if (!answer.ok) throw new Error(`the demo took no usage: ${answer.status} ${await answer.text()}`);
}
