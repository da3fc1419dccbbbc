// The wire format in JavaScript: the golden frames, and every recorded message against the generated schemas.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { test } = require("node:test");
const { default: Ajv2020 } = require("ajv/dist/2020");
const { encodeFrame, encodeRequest, FrameReader } = require("../lib/client/frames.js");
const { connect } = require("../lib/client.js");
const names = require("../lib/names.js");
const { real } = require("./support/golden.js");
const { httpBackend, noSidecar, sidecarCommand, sidecarEnv } = require("./support/sidecar.js");

const ROOT = path.join(__dirname, "..", "..");
const SCHEMAS = path.join(ROOT, "schemas");
const GOLDEN = path.join(ROOT, "tests", "golden");
const read = (/** @type {string} */ file) => JSON.parse(fs.readFileSync(file, "utf8"));
const index = read(path.join(SCHEMAS, "index.json"));
const ajv = new Ajv2020({ allErrors: true, strict: true, strictTuples: false, allowUnionTypes: true });

/** @param {string} file @param {unknown} value @returns {string[]} */
function mistakes(file, value) {
  const schema = read(path.join(SCHEMAS, file));
  const validate = ajv.getSchema(schema.$id) ?? ajv.compile(schema);
  validate(value);
  return (validate.errors ?? []).map((error) => `${file}${error.instancePath}: ${error.message}`);
}

/** @param {Array<[string, any]>} recording @returns {string[]} */
function conversationMistakes(recording) {
  /** @type {Map<number, string>} */
  const channels = new Map();
  return recording.flatMap(([speaker, message]) => {
    if (speaker === "client") {
      channels.set(message.id, message.channel);
      return [];
    }
    const found = mistakes(index.messages[message.type].schema, message);
    if (message.type === "event") found.push(...mistakes(index.events[message.channel].payload, message.payload));
    const channel = index.channels[channels.get(message.id) ?? ""];
    if (message.type === "response" && channel) found.push(...mistakes(channel.result, message.result));
    return found;
  });
}

for (const file of fs.readdirSync(path.join(GOLDEN, "frames"))) {
  test(`golden frame ${file}: our bytes are fixed, and both encodings decode to the same value`, () => {
    const { value, python, javascript } = read(path.join(GOLDEN, "frames", file));
    const { type, id, channel, args } = real(value);
    const ours = type === "request" ? encodeRequest(id, channel, args) : encodeFrame(real(value));
    assert.equal(ours.toString("hex"), javascript);
    for (const hex of [python, javascript]) {
      /** @type {any[]} */
      const messages = [];
      new FrameReader(1 << 20, (message) => messages.push(message)).feed(Buffer.from(hex, "hex"));
      assert.equal(messages.length, 1);
      assert.deepEqual(plain(messages[0]), plain(real(value)));
    }
  });
}

/** @param {any} value a Buffer and a Uint8Array of the same bytes are the same to us @returns {any} */
function plain(value) {
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("hex") };
  if (value instanceof Date || value === null || typeof value !== "object") return value;
  return Array.isArray(value) ? value.map(plain) : Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]));
}

test("every schema of the index compiles under ajv's strict mode", () => {
  const files = [
    ...Object.values(index.messages).map((one) => one.schema),
    ...Object.values(index.channels).flatMap((one) => [one.args, one.result]),
    ...Object.values(index.events).map((one) => one.payload),
    index.settings,
  ];
  assert.ok(files.length > 50);
  for (const file of files) mistakes(file, null);
});

test("the shim forwards the names in the index", () => {
  const all = Object.keys(index.channels);
  assert.deepEqual(
    names.PAGE_CHANNELS,
    all.filter((name) => !name.startsWith("sidecar:")),
  );
  assert.deepEqual(names.EVENTS, Object.keys(index.events));
  assert.equal(names.PROTOCOL, index.protocol);
});

for (const file of fs.readdirSync(path.join(GOLDEN, "recordings"))) {
  test(`recording ${file} matches the schemas`, () => {
    const recording = read(path.join(GOLDEN, "recordings", file));
    assert.ok(recording.length > 20);
    assert.deepEqual(conversationMistakes(recording), []);
  });
}

test("a message that breaks its schema is found", () => {
  const found = conversationMistakes([["sidecar", { type: "event", channel: "backend:log", payload: {}, seq: "1" }]]);
  assert.equal(found.length, 4);
});

test("a live conversation matches the schemas", { skip: noSidecar }, async (t) => {
  /** @type {Array<[string, any]>} */
  const recording = [];
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "conversation-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const command = [process.execPath, path.join(__dirname, "support", "tee.js"), folder, ...sidecarCommand];
  const sidecar = await connect({ command, env: sidecarEnv, settings: { backend: { command: httpBackend() } } });
  /** @param {any} channel @param {any[]} args */
  const ask = (channel, ...args) => sidecar.invoke(channel, ...args);
  sidecar.on("backend:log", () => {});
  await ask("backend:waitForReady");
  for (const channel of names.PAGE_CHANNELS) await ask(channel).catch(() => {});
  await ask("backend:start");
  await ask("sidecar:info");
  await ask("backend:logs", { lines: 0 }).then(
    () => assert.fail("lines: 0 was taken"),
    () => {},
  );
  assert.equal((await sidecar.close()).code, 0);
  for (const [side, file] of /** @type {const} */ ([
    ["client", "stdin"],
    ["sidecar", "stdout"],
  ])) {
    new FrameReader(1 << 24, (message) => recording.push([side, message])).feed(fs.readFileSync(path.join(folder, file)));
  }
  assert.ok(recording.length > 30);
  assert.deepEqual(conversationMistakes(recording), []);
});
