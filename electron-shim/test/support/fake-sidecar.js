// A sidecar that misbehaves on demand: `node fake-sidecar.js MODE`. It shares no code with the client, so that it can
// contradict it; it writes its answers with the codec's plain encoder.
"use strict";

const fs = require("node:fs");
const { pack, unpack } = require("msgpackr");

const mode = process.argv[2] ?? "echo";
const CHANNELS = [
  "backend:status",
  "backend:createFirewallRule",
  "backend:restart",
  "backend:stop",
  "backend:logs",
  "runtime:getBootstrap",
  "runtime:getDiagnostics",
  "sidecar:ping",
  "sidecar:shutdown",
  "sidecar:subscribe",
  "sidecar:unsubscribe",
  "sidecar:power",
];
const hello = {
  type: "hello",
  protocol: 1,
  sidecar: "0.0.0-fake",
  pid: process.pid,
  channels: CHANNELS,
  events: ["backend:log", "backend:stateChanged"],
  maxFrame: 1 << 20,
  maxInFlight: 16,
};

const bootstrap = {
  backend: {
    baseUrl: "http://127.0.0.1:5005",
    port: 5005,
    protocol: "http",
    managedByElectron: true,
    healthEndpoint: "/h",
    readinessEndpoint: "/r",
    sseJobEventsTemplate: "",
    pid: 1,
    ready: true,
  },
  environment: { mode: "production", isPackaged: false, version: "7.8.9" },
  os: { platform: "linux", release: "1", arch: "x64", hostname: "fake" },
  paths: { userData: "/u", temp: "/t", logs: "/l" },
};
const MISTAKES =
  'The settings have 3 mistakes:\n- SIDECAR_BACKEND__PORT: backend.port is 70000\n- --profile: profile is "x"\n- SIDECAR_LOG__LEVEL: log.level is 1';
/** @type {string[]} the sidecar:power messages, and how stdin ended */
const received = [];

/** @param {object} message */
function frame(message) {
  const body = pack(message);
  const out = Buffer.alloc(4 + body.length);
  out.writeUInt32BE(body.length, 0);
  body.copy(out, 4);
  return out;
}
const send = (/** @type {object} */ message) => process.stdout.write(frame(message));

let buffered = Buffer.alloc(0);
let inFlight = 0;
let highest = 0;
let pings = 0; // a deaf one answers the first
/** @type {string[]} */
const subscribed = [];
/** @type {Set<number>} */
const held = new Set();

/** @param {any} message */
function serve(message) {
  if (message.type === "cancel") {
    if (held.delete(message.id)) send({ type: "error", id: message.id, error: { code: "CANCELLED", message: "cancelled" } });
    return;
  }
  const { id, channel, args } = message;
  const answer = (/** @type {any} */ result) => send({ type: "response", id, result });
  if ((mode === "deaf" && (channel !== "sidecar:ping" || pings++ > 0)) || (mode === "deafLater" && channel === "sidecar:shutdown")) return;
  if (channel === "sidecar:shutdown") {
    answer({ success: true });
    setTimeout(() => process.exit(mode === "shutdown75" ? 75 : 0), 10);
  } else if (channel === "sidecar:subscribe" || channel === "sidecar:unsubscribe") {
    subscribed.push(channel.slice(8), ...args[0]);
    answer({ subscribed: args[0] });
    if (channel === "sidecar:subscribe") send({ type: "event", channel: "backend:log", seq: 1, payload: { text: "line" } });
  } else if (channel === "sidecar:power") {
    received.push(args[0]);
    answer(null);
  } else if (channel.startsWith("runtime:")) {
    const once = process.env.FAKE_DIE_ONCE;
    if (once && !fs.existsSync(once)) {
      fs.writeFileSync(once, "died");
      process.exit(3);
    }
    if (mode === "readyAtOnce") {
      const early = { ...bootstrap, backend: { ...bootstrap.backend, pid: null, ready: false } };
      const change = {
        state: "RUNNING",
        previous: "STARTING",
        reason: "ready",
        pid: 9,
        port: 5005,
        url: "http://127.0.0.1:5005",
        time: "",
      };
      process.stdout.write(
        Buffer.concat([
          frame({ type: "response", id, result: early }),
          frame({ type: "event", channel: "backend:stateChanged", seq: 1, payload: change }),
        ]),
      );
    } else answer(bootstrap);
  } else if (channel === "backend:restart") {
    if (mode === "slowRestart") held.add(id);
    else answer({ success: true, url: `args ${JSON.stringify(args)}` });
  } else if (channel === "backend:logs") {
    answer(args[0] === undefined ? received : args[0]);
  } else if (channel === "backend:createFirewallRule") {
    if (mode === "noFirewall") send({ type: "error", id, error: { code: "UNSUPPORTED", message: "on Windows only" } });
    else answer({ created: !args[0]?.preview, exists: true, details: null });
  } else if (channel === "backend:stop") {
    answer({ success: true });
  } else if (channel === "sidecar:ping") {
    const order = args[0];
    if (order?.die) {
      process.stderr.write("2026-01-02T03:04:05.678Z INFO    STARTING → RUNNING\nlast words: disk full\n");
      process.stdout.write(frame({ type: "response", id, result: "x".repeat(1000) }).subarray(0, 100), () => process.exit(3));
    } else if (order?.rubbish) process.stdout.write("Traceback (most recent call last):\n");
    else if (order?.bodiless) send({ type: "error", id });
    else if (order?.hold) held.add(id);
    else if (order?.fail)
      send({ type: "error", id, error: { code: "PORT_IN_USE", message: "taken", hint: "free it", data: { port: 5, owner: null } } });
    else if (order?.highest) answer(highest);
    else if (order?.subscribed) answer(subscribed);
    else if (order?.event) {
      send({ type: "event", channel: "backend:stateChanged", seq: 1, payload: order.event });
      answer(null);
    } else if (order?.stall) {
      const until = Date.now() + order.stall;
      while (Date.now() < until);
      answer(null);
    } else if (order?.slow) {
      inFlight++;
      highest = Math.max(highest, inFlight);
      setImmediate(() => {
        inFlight--;
        answer(order.slow);
      });
    } else answer(args.length ? args[0] : null);
  } else {
    answer({ running: false, env: process.env.SIDECAR_BACKEND__ENV ?? null, argv: process.argv.slice(3) });
  }
}

process.stdin.on("data", (chunk) => {
  buffered = Buffer.concat([buffered, chunk]);
  while (buffered.length >= 4) {
    const length = buffered.readUInt32BE(0);
    if (buffered.length < 4 + length) return;
    const message = unpack(buffered.subarray(4, 4 + length));
    buffered = buffered.subarray(4 + length);
    serve(message);
  }
});
process.stdin.on("end", () => {
  if (process.env.FAKE_END_FILE) fs.writeFileSync(process.env.FAKE_END_FILE, "end of stdin");
  process.exit(0);
});

if (mode === "rubbish") process.stdout.write("Hello, I am a log line and no frame\n");
else if (mode === "zeros") process.stdout.write(Buffer.alloc(64));
else if (mode === "version2") send({ ...hello, protocol: 2, sidecar: "2.0.0" });
else if (mode === "old-protocol") send({ ...hello, protocol: 0, sidecar: "0.0.1" });
else if (mode === "thinHello") send({ type: "hello", protocol: 1, sidecar: "1" });
else if (mode === "nohello") send({ type: "response", id: 1, result: null });
else if (mode === "exit") {
  process.stderr.write("no settings here\n");
  process.exitCode = 64;
  process.stdin.destroy();
} else if (mode === "config") {
  send(hello);
  send({ type: "error", id: null, error: { code: "INVALID_CONFIG", message: MISTAKES, hint: "1 to 65535" } });
  process.exitCode = 78;
  process.stdin.destroy();
} else if (mode === "bytes") {
  const bytes = frame(hello);
  let at = 0;
  const next = () => at < bytes.length && process.stdout.write(bytes.subarray(at, ++at), next);
  next();
} else if (mode === "ignoreEof") {
  process.stdin.removeAllListeners("end");
  send(hello);
  setInterval(() => {}, 1000);
} else if (mode === "late") {
  const look = setInterval(() => {
    if (!fs.existsSync(String(process.env.FAKE_HELLO_FILE))) return;
    clearInterval(look);
    send(hello);
  }, 20);
} else if (mode === "eventAtOnce") {
  send(hello);
  send({ type: "event", channel: "backend:stateChanged", seq: 1, payload: { state: "STARTING" } });
} else if (mode !== "hang") send(hello);
