// Structured clone as text: `pack` first applies the engine's own structuredClone, then serializes the copy, including
// cycles; `unpack` reads it in another process or world. Self-contained, because it also runs inside pages.
"use strict";

function cloneTools() {
  const COPIED = ["Boolean", "Number", "String"];

  /** @param {any} value @returns {string} */
  function pack(value) {
    let copy;
    try {
      copy = structuredClone(value);
    } catch {
      throw new Error("An object could not be cloned.");
    }
    /** @type {any[]} */
    const nodes = [];
    /** @type {Map<object, number>} */
    const seen = new Map();
    /** @param {any} one @returns {any} */
    function write(one) {
      if (one === undefined) return { u: 1 };
      if (typeof one === "bigint") return { b: String(one) };
      if (typeof one === "number" && (!Number.isFinite(one) || Object.is(one, -0))) return { n: Object.is(one, -0) ? "-0" : String(one) };
      if (one === null || typeof one !== "object") return { v: one };
      const known = seen.get(one);
      if (known !== undefined) return { r: known };
      const at = nodes.push(null) - 1;
      seen.set(one, at);
      nodes[at] = node(one);
      return { r: at };
    }
    /** @param {any} one */
    function node(one) {
      const kind = Object.prototype.toString.call(one).slice(8, -1);
      if (kind === "Array") return ["Array", Array.from(one, write)];
      if (kind === "Date") return ["Date", one.getTime()];
      if (kind === "RegExp") return ["RegExp", one.source, one.flags];
      if (kind === "Map") return ["Map", Array.from(one, (/** @type {any} */ [k, v]) => [write(k), write(v)])];
      if (kind === "Set") return ["Set", Array.from(one, write)];
      if (kind === "Error") return ["Error", one.name, one.message, one.stack]; // nothing else of an error crosses
      if (kind === "ArrayBuffer") return ["ArrayBuffer", Array.from(new Uint8Array(one))];
      if (ArrayBuffer.isView(one)) {
        return ["View", kind, Array.from(new Uint8Array(one.buffer, one.byteOffset, one.byteLength))];
      }
      if (COPIED.includes(kind)) return ["Object", []];
      return ["Object", Object.keys(one).map((key) => [key, write(one[key])])];
    }
    const root = write(copy);
    return JSON.stringify({ root, nodes });
  }

  /** @param {string} text @returns {any} */
  function unpack(text) {
    const { root, nodes } = JSON.parse(text);
    /** @type {any[]} */
    const made = [];
    /** @param {any} one @returns {any} */
    function read(one) {
      if ("v" in one) return one.v;
      if ("u" in one) return undefined;
      if ("b" in one) return BigInt(one.b);
      if ("n" in one) return Number(one.n);
      return made[one.r] ?? build(one.r);
    }
    /** @param {number} at */
    function build(at) {
      const [kind, a, b, c] = nodes[at];
      if (kind === "Date") return (made[at] = new Date(a));
      if (kind === "RegExp") return (made[at] = new RegExp(a, b));
      if (kind === "ArrayBuffer") return (made[at] = new Uint8Array(a).buffer);
      if (kind === "View") {
        const bytes = new Uint8Array(b).buffer;
        return (made[at] = a === "Uint8Array" ? new Uint8Array(bytes) : new /** @type {any} */ (globalThis)[a](bytes));
      }
      if (kind === "Error") {
        const error = new Error(b);
        error.name = a;
        error.stack = c;
        return (made[at] = error);
      }
      if (kind === "Array") {
        /** @type {any[]} */
        const list = (made[at] = []);
        for (const one of a) list.push(read(one));
        return list;
      }
      if (kind === "Map") {
        const map = (made[at] = new Map());
        for (const [k, v] of a) map.set(read(k), read(v));
        return map;
      }
      if (kind === "Set") {
        const set = (made[at] = new Set());
        for (const one of a) set.add(read(one));
        return set;
      }
      /** @type {any} */
      const object = (made[at] = {});
      for (const [key, one] of a) object[key] = read(one);
      return object;
    }
    return read(root);
  }

  return { pack, unpack };
}

module.exports = { cloneTools, ...cloneTools() };
