// The app: `node app.mjs WAY`. Reads start and stop from stdin, and prints when each is done.
import { createInterface } from "node:readline";

const way = await import(`./${process.argv[2]}.mjs`);
const { COMMAND, PORT } = process.env;
const given = { command: JSON.parse(COMMAND), env: { ...process.env }, port: Number(PORT) };
for await (const line of createInterface({ input: process.stdin })) {
  try {
    await way[line](given);
    console.log(`${line} done`);
  } catch (error) {
    console.log(`${line} failed: ${error.message.split("\n")[0]}`);
  }
}
process.exit(0);
