// What runs inside a page: the isolated world of the preload with `ipcRenderer` and `contextBridge`, and the page's own
// world. The two share nothing but the DOM, whose events are synchronous: everything crosses as text.
"use strict";

const { cloneTools } = require("./clone.js");

/**
 * One end of the bridge; the same code in both worlds. Functions and promises cross as numbers, errors as their message
 * alone, everything else as a copy.
 *
 * @param {string} own the name of this end's events
 * @param {string} other
 */
function bridgeEnd(own, other) {
  const MAX_DEPTH = 1000;
  /** @type {Map<number, any>} */
  const mine = new Map();
  /** @type {Map<any, number>} */
  const numbers = new Map();
  /** @type {WeakMap<any, number>} */
  const theirs = new WeakMap();
  let last = 0;
  /** @type {string} */
  let answer = "";
  const nativeDispatch = document.dispatchEvent.bind(document);

  /** @param {any} value */
  function register(value) {
    let number = numbers.get(value);
    if (number === undefined) {
      number = ++last;
      numbers.set(value, number);
      mine.set(number, value);
    }
    return number;
  }

  /** @param {any} value @param {number} depth @param {Map<any, any>} seen @returns {any} */
  function out(value, depth, seen) {
    if (depth > MAX_DEPTH)
      throw new Error("Electron contextBridge recursion depth exceeded.  Nested objects deeper than 1000 are not supported.");
    if (value === undefined) return { u: 1 };
    if (value === null || typeof value === "boolean" || typeof value === "string") return { v: value };
    if (typeof value === "number") return Number.isFinite(value) ? { v: value } : { n: String(value) };
    if (typeof value === "bigint") return { b: String(value) };
    if (typeof value === "symbol") throw new Error("Symbols are not emulated");
    if (typeof value === "function") return theirs.has(value) ? { back: theirs.get(value) } : { f: register(value) };
    if (seen.has(value)) return { r: seen.get(value) };
    const at = seen.size;
    seen.set(value, at);
    if (value instanceof Promise) return { p: register(value), at };
    if (value instanceof Error) return { e: String(value.message), at };
    if (value instanceof Date) return { d: value.getTime(), at };
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
      const view = value instanceof ArrayBuffer ? new Uint8Array(value) : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
      return { bytes: Array.from(view), at };
    }
    if (Array.isArray(value)) return { a: value.map((one) => out(one, depth + 1, seen)), at };
    const tag = Object.prototype.toString.call(value);
    if (tag !== "[object Object]" && !tag.endsWith("Event]")) throw new Error("An object could not be cloned.");
    return { o: Object.keys(value).map((key) => [key, out(value[key], depth + 1, seen)]), at };
  }

  /** @param {any} one @param {any[]} made @param {boolean} freeze @returns {any} */
  function back(one, made, freeze) {
    if ("v" in one) return one.v;
    if ("u" in one) return undefined;
    if ("n" in one) return Number(one.n);
    if ("b" in one) return BigInt(one.b);
    if ("back" in one) return mine.get(one.back);
    if ("r" in one) return made[one.r];
    if ("f" in one) {
      const number = one.f;
      const proxy = (/** @type {any[]} */ ...args) => remote({ call: number, args: pack(args) });
      theirs.set(proxy, number);
      return proxy;
    }
    if ("e" in one) return (made[one.at] = new Error(one.e));
    if ("d" in one) return (made[one.at] = new Date(one.d));
    if ("bytes" in one) return (made[one.at] = new Uint8Array(one.bytes));
    if ("p" in one) {
      return (made[one.at] = new Promise((resolve, reject) => {
        remote({ wait: one.p, done: pack([resolve, reject]) });
      }));
    }
    if ("a" in one) {
      /** @type {any[]} */
      const list = (made[one.at] = []);
      for (const part of one.a) list.push(back(part, made, freeze));
      return freeze ? Object.freeze(list) : list;
    }
    /** @type {any} */
    const object = (made[one.at] = {});
    for (const [key, part] of one.o) object[key] = back(part, made, freeze);
    return freeze ? Object.freeze(object) : object;
  }

  const pack = (/** @type {any} */ value) => out(value, 0, new Map());
  const unpack = (/** @type {any} */ text, freeze = false) => back(text, [], freeze);

  /** @param {any} message @returns {any} */
  function remote(message) {
    nativeDispatch(new CustomEvent(other, { detail: JSON.stringify(message) }));
    const reply = JSON.parse(answer);
    if ("error" in reply) throw new Error(reply.error);
    return unpack(reply.value);
  }

  /** @param {any} message @param {(name: string, value: any) => any} exposed @returns {any} */
  function serve(message, exposed) {
    if ("call" in message) return mine.get(message.call)(...unpack(message.args));
    if ("wait" in message) {
      const [resolve, reject] = unpack(message.done);
      mine.get(message.wait).then(
        (/** @type {any} */ value) => {
          try {
            resolve(value);
          } catch (error) {
            reject(error);
          }
        },
        (/** @type {any} */ error) => reject(error instanceof Error ? error : new Error(String(error))),
      );
      return undefined;
    }
    return exposed(message.expose, unpack(message.value, true));
  }

  /** @param {(name: string, value: any) => any} exposed */
  function listen(exposed) {
    document.addEventListener(own, (event) => {
      let reply;
      try {
        reply = { value: pack(serve(JSON.parse(/** @type {any} */ (event).detail), exposed)) };
      } catch (error) {
        reply = { error: error instanceof Error ? error.message : String(error) };
      }
      nativeDispatch(new CustomEvent(`${other}-answer`, { detail: JSON.stringify(reply) }));
    });
    document.addEventListener(`${own}-answer`, (event) => (answer = /** @type {any} */ (event).detail));
  }

  return { listen, remote, pack };
}

/** @param {string} secret */
function pageWorld(secret) {
  const end = bridgeEnd(`${secret}-page`, `${secret}-preload`);
  end.listen((name, value) => {
    if (name in window) throw new Error("Cannot bind an API on top of an existing property on the window object");
    Object.defineProperty(window, name, { value, enumerable: true, configurable: false, writable: false });
    return undefined;
  });
}

/**
 * @param {string} secret
 * @param {boolean} sandbox
 * @param {Record<string, {source: string, requires: Record<string, string>}>} modules by path; the preload is the first
 * @param {string[]} argv
 */
function preloadWorld(secret, sandbox, modules, argv) {
  /** @type {any} */
  const world = globalThis;
  const end = bridgeEnd(`${secret}-preload`, `${secret}-page`);
  end.listen(() => undefined);
  const { pack, unpack } = world.cloneTools();
  const post = world[`${secret}_post`];
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: any) => void}>} */
  const pending = new Map();
  /** @type {Map<string, Set<(event: any, ...args: any[]) => void>>} */
  const listeners = new Map();
  let lastId = 0;

  const ipcRenderer = {
    /** @param {string} channel @param {any[]} args */
    async invoke(channel, ...args) {
      const id = ++lastId;
      const text = pack(args);
      const { error, result } = await new Promise((resolve, reject) => {
        pending.set(id, { resolve, reject });
        post(JSON.stringify({ kind: "invoke", id, channel, args: text }));
      });
      if (error !== undefined) throw new Error(`Error invoking remote method '${channel}': ${error}`);
      return unpack(result);
    },
    /** @param {string} channel @param {any[]} args */
    send(channel, ...args) {
      post(JSON.stringify({ kind: "send", channel, args: pack(args) }));
    },
    /** @param {string} channel @param {any[]} args */
    sendSync(channel, ...args) {
      const request = new XMLHttpRequest();
      request.open("POST", `http://electron-ipc.invalid/${secret}`, false);
      request.send(JSON.stringify({ kind: "sync", channel, args: pack(args) }));
      const { error, result } = JSON.parse(request.responseText);
      if (error !== undefined) throw new Error(error);
      return unpack(result);
    },
    /** @param {string} channel @param {(event: any, ...args: any[]) => void} listener */
    on(channel, listener) {
      if (!listeners.has(channel)) listeners.set(channel, new Set());
      listeners.get(channel)?.add(listener);
      return ipcRenderer;
    },
    /** @param {string} channel @param {(event: any, ...args: any[]) => void} listener */
    removeListener(channel, listener) {
      listeners.get(channel)?.delete(listener);
      return ipcRenderer;
    },
  };
  const contextBridge = {
    /** @param {string} name @param {any} value */
    exposeInMainWorld(name, value) {
      end.remote({ expose: name, value: end.pack(value) });
    },
  };
  world[`${secret}_deliver`] = (/** @type {any} */ message) => {
    if (message.id !== undefined) {
      pending.get(message.id)?.resolve(message);
      pending.delete(message.id);
      return;
    }
    for (const listener of [...(listeners.get(message.channel) ?? [])]) listener({ sender: ipcRenderer }, ...unpack(message.args));
  };

  /** @type {Map<string, {exports: any}>} */
  const loaded = new Map();
  /** @param {string} name @returns {any} */
  function load(name) {
    const known = loaded.get(name);
    if (known) return known.exports;
    const { source, requires } = /** @type {any} */ (modules[name]);
    const module = { exports: {} };
    loaded.set(name, module);
    const require = (/** @type {string} */ wanted) => {
      if (wanted === "electron") return { contextBridge, ipcRenderer };
      const file = requires[wanted];
      if (sandbox || file === undefined) throw new Error(`module not found: ${wanted}`);
      return load(file);
    };
    new Function("require", "module", "exports", "process", source)(require, module, module.exports, { argv });
    return module.exports;
  }
  try {
    load(/** @type {string} */ (Object.keys(modules)[0]));
  } catch (error) {
    post(JSON.stringify({ kind: "preload-error", text: String(error) }));
  }
}

/** @param {string} secret */
const pageScript = (secret) => `if (window === window.top) (() => { ${bridgeEnd}; (${pageWorld})(${JSON.stringify(secret)}); })();`;

/** @param {string} secret @param {boolean} sandbox @param {object} modules @param {string[]} argv */
const preloadScript = (secret, sandbox, modules, argv) =>
  `if (window === window.top) (() => { globalThis.cloneTools = ${cloneTools}; ${bridgeEnd};
   (${preloadWorld})(${JSON.stringify(secret)}, ${sandbox}, ${JSON.stringify(modules)}, ${JSON.stringify(argv)}); })();`;

module.exports = { pageScript, preloadScript };
