"use strict";

const { Packr, RESERVE_START_SPACE } = require("msgpackr");
const { SidecarError } = require("./errors.js");

const HEADER = 4;
const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true, int64AsType: "number" });

/**
 * A message as one frame: length (4 bytes, big-endian) and MessagePack body.
 *
 * @param {object} message
 * @returns {Buffer}
 */
function encodeFrame(message) {
  // The codec leaves room in front of the body, so that header and body are one piece without a copy.
  const frame = packr.pack(message, /** @type {any} */ (RESERVE_START_SPACE | HEADER));
  const length = frame.length - HEADER;
  frame[0] = length >>> 24;
  frame[1] = length >>> 16;
  frame[2] = length >>> 8;
  frame[3] = length;
  return frame;
}

/** Cuts a byte stream into messages. A frame that spans chunks is collected in one buffer of its size. */
class FrameReader {
  #onMessage;
  #header = Buffer.alloc(HEADER);
  /** How much of the header, and of the body, has come. */
  #headerFilled = 0;
  #filled = 0;
  /** @type {Buffer | null} the body that is being gathered */
  #body = null;

  /**
   * @param {number} maxFrame
   * @param {(message: any) => void} onMessage
   */
  constructor(maxFrame, onMessage) {
    this.maxFrame = maxFrame;
    this.#onMessage = onMessage;
  }

  /** What is missing, in words; null between frames. */
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

/** @param {Buffer} bytes the stream from the length on */
function notAFrame(bytes) {
  return new SidecarError("SIDECAR_PROTOCOL", `The sidecar wrote something that is not a frame: ${printable(bytes)}`, {
    hint: "nothing but the sidecar may write to its stdout; check `command`",
  });
}

/**
 * By its place in the chunk: a view for each frame, and the codec's own view of that, cost more than the decoding.
 *
 * @param {Buffer} bytes
 * @param {number} start
 * @param {number} end
 * @returns {any}
 */
function decode(bytes, start, end) {
  try {
    const message = packr.unpack(bytes, { start, end });
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
 * The first 32 bytes as text in quotes.
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

module.exports = { encodeFrame, FrameReader };
