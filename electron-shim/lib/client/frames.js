"use strict";

const { Packr, RESERVE_START_SPACE } = require("msgpackr");
const { SidecarError } = require("./errors.js");

const HEADER = 4;
// The space that the codec reserves in front of a body on request; the option counts it in one byte.
const MAX_HEAD = 255;
const HEADS_KEPT = 64;
// `{ lines: undefined }` is what JavaScript programs write for `{}`; the sidecar would refuse a nil there.
const omitted = /** @type {object} */ ({ skipValues: [undefined] }); // missing in the codec's types
const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true, int64AsType: "number", ...omitted });
// The codec allocates memory in pieces of this size. Its default, 8 KiB, holds the frames of some 40 calls and keeps the garbage collector busy.
packr.useBuffer(Buffer.allocUnsafeSlow(64 * 1024));

// Every call is a request and a response with known keys: copying and comparing them takes half the time that the codec needs.
const pack = (/** @type {string} */ text) => Buffer.from(packr.pack(text));
const REQUEST = Buffer.concat([Buffer.alloc(HEADER), Buffer.from([0x84]), pack("type"), pack("request"), pack("id"), Buffer.from([0xcf])]);
const ARGS = pack("args");
const RESPONSE = Buffer.concat([Buffer.from([0x83]), pack("type"), pack("response"), pack("id")]);
const RESULT = pack("result");
const STR_8 = 0xd9;
/** @type {Map<string, Buffer>} by channel: the frame of a request up to its arguments, with zeros for length and id */
const heads = new Map();

/**
 * Encodes a message as one frame: length (4 bytes, big-endian) and MessagePack body.
 *
 * @param {object} message
 * @returns {Buffer}
 */
function encodeFrame(message) {
  // The codec reserves space in front of the body, so header and body are contiguous without a copy.
  return withLength(packr.pack(message, /** @type {any} */ (RESERVE_START_SPACE | HEADER)));
}

/**
 * @param {number} id
 * @param {string} channel
 * @param {readonly unknown[]} args
 * @returns {Buffer} the frame
 */
function encodeRequest(id, channel, args) {
  const head = heads.get(channel) ?? headOf(channel);
  if (head.length > MAX_HEAD) return encodeFrame({ type: "request", id, channel, args });
  const frame = packr.pack(args, RESERVE_START_SPACE | head.length);
  frame.set(head);
  frame.writeUInt32BE(Math.floor(id / 2 ** 32), REQUEST.length);
  frame.writeUInt32BE(id >>> 0, REQUEST.length + 4);
  return withLength(frame);
}

/** @param {string} channel */
function headOf(channel) {
  const head = Buffer.concat([REQUEST, Buffer.alloc(8), pack("channel"), pack(channel), ARGS]);
  if (heads.size < HEADS_KEPT) heads.set(channel, head);
  return head;
}

/** @param {Buffer} frame */
function withLength(frame) {
  const length = frame.length - HEADER;
  frame[0] = length >>> 24;
  frame[1] = length >>> 16;
  frame[2] = length >>> 8;
  frame[3] = length;
  return frame;
}

/** Splits a byte stream into messages. A frame that spans chunks is collected in one buffer of its size. */
class FrameReader {
  #onMessage;
  #header = Buffer.alloc(HEADER);
  /** How many bytes of the header, and of the body, have arrived. */
  #headerFilled = 0;
  #filled = 0;
  /** @type {Buffer | null} the body being collected */
  #body = null;

  /**
   * @param {number} maxFrame
   * @param {(message: any) => void} onMessage
   */
  constructor(maxFrame, onMessage) {
    this.maxFrame = maxFrame;
    this.#onMessage = onMessage;
  }

  /** What is missing, as text; null between frames. */
  get unfinished() {
    if (this.#body) return `${this.#filled} of the ${this.#body.length} bytes of a frame`;
    return this.#headerFilled ? `${this.#headerFilled} of the ${HEADER} bytes of a frame's length` : null;
  }

  /**
   * @param {Buffer} chunk
   * @throws {SidecarError} SIDECAR_PROTOCOL, if this is not a stream of frames; feed nothing more then.
   */
  feed(chunk) {
    let at = 0;
    while (at < chunk.length) {
      if (this.#body) {
        const taken = chunk.copy(this.#body, this.#filled, at, at + this.#body.length - this.#filled);
        at += taken;
        this.#filled += taken;
        if (this.#filled < this.#body.length) return;
        const body = this.#body;
        this.#body = null;
        this.#onMessage(decode(body, 0, body.length));
      } else if (this.#headerFilled === 0 && chunk.length - at >= HEADER) {
        const length = chunk.readUInt32BE(at);
        if (!this.#allows(length)) throw notAFrame(chunk.subarray(at));
        at += HEADER;
        if (chunk.length - at >= length) {
          this.#onMessage(decode(chunk, at, at + length));
          at += length;
        } else {
          this.#begin(length);
        }
      } else {
        const taken = chunk.copy(this.#header, this.#headerFilled, at, at + HEADER - this.#headerFilled);
        at += taken;
        this.#headerFilled += taken;
        if (this.#headerFilled < HEADER) return;
        const length = this.#header.readUInt32BE(0);
        if (!this.#allows(length)) throw notAFrame(Buffer.concat([this.#header, chunk.subarray(at)]));
        this.#headerFilled = 0;
        this.#begin(length);
      }
    }
  }

  /** @param {number} length */
  #begin(length) {
    this.#body = Buffer.allocUnsafeSlow(length);
    this.#filled = 0;
  }

  /** @param {number} length */
  #allows(length) {
    return length >= 1 && length <= this.maxFrame;
  }
}

/** @param {Buffer} bytes the stream, starting at the length */
function notAFrame(bytes) {
  return new SidecarError("SIDECAR_PROTOCOL", `The sidecar wrote something that is not a frame: ${printable(bytes)}`, {
    hint: "Only the sidecar may write to its stdout. Check the option command.",
  });
}

/**
 * Decodes in place, from `start` to `end`: a view of each frame, and the codec's own view of that, cost more than the decoding.
 *
 * @param {Buffer} bytes
 * @param {number} start
 * @param {number} end
 * @returns {any}
 */
function decode(bytes, start, end) {
  try {
    const message = decodeResponse(bytes, start, end) ?? packr.unpack(bytes, { start, end });
    if (message !== null && typeof message === "object") return message;
  } catch (cause) {
    throw new SidecarError(
      "SIDECAR_PROTOCOL",
      `The sidecar wrote a frame that is not MessagePack: ${printable(bytes.subarray(start, end))}`,
      { cause },
    );
  }
  throw new SidecarError("SIDECAR_PROTOCOL", `The sidecar wrote a frame that is not a message: ${printable(bytes.subarray(start, end))}`);
}

/**
 * Decodes a response as the sidecar writes it, with its keys in this order. Returns null if the codec has to read it.
 *
 * @param {Buffer} bytes
 * @param {number} start
 * @param {number} end
 */
function decodeResponse(bytes, start, end) {
  if (!hasAt(bytes, start, RESPONSE)) return null;
  let at = start + RESPONSE.length;
  const first = /** @type {number} */ (bytes[at++]);
  let id = first;
  if (first > 0x7f) {
    const size = first === 0xcc ? 1 : first === 0xcd ? 2 : first === 0xce ? 4 : 0;
    if (size === 0) return null;
    id = bytes.readUIntBE(at, size);
    at += size;
  }
  if (!hasAt(bytes, at, RESULT)) return null;
  at += RESULT.length;
  // Only a short text: the codec makes two views of the bytes for one.
  const isText = bytes[at] === STR_8 && at + 2 + /** @type {number} */ (bytes[at + 1]) === end;
  return { type: "response", id, result: isText ? bytes.toString("utf8", at + 2, end) : packr.unpack(bytes, { start: at, end }) };
}

/**
 * @param {Buffer} bytes
 * @param {number} at
 * @param {Buffer} part
 */
function hasAt(bytes, at, part) {
  for (let i = 0; i < part.length; i++) if (bytes[at + i] !== part[i]) return false;
  return true;
}

/**
 * Returns the first 32 bytes as quoted text.
 *
 * @param {Buffer} bytes
 */
function printable(bytes) {
  return JSON.stringify(
    bytes
      .subarray(0, 32)
      .toString("latin1")
      .replace(/[^\x20-\x7e\n]/g, "."),
  );
}

module.exports = { encodeFrame, encodeRequest, FrameReader };
