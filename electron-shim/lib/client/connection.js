"use strict";

const { spawn } = require("node:child_process");
const path = require("node:path");
const { SidecarError } = require("./errors.js");
const { folderDamage, notExecutable } = require("./folder.js");
const { isFolder } = require("./folders.js");
const { FrameReader } = require("./frames.js");
const { pipInstall } = require("./locate.js");
const { awakeTimeout } = require("./watchdog.js");
const { PROTOCOL } = require("../names.js");

const STDERR_KEPT = 16 * 1024;
// The protocol's maximum frame size, in force until hello announces a smaller one.
const MAX_FRAME = 16 * 1024 * 1024;
const INSTALL =
  "Install the sidecar with: npm install electron-backend-sidecar, and omit the option command; or install the Python package (3.11 or newer) with: " +
  pipInstall(process.platform);
const BLOCKED =
  "Windows or an antivirus did not let it start: look for it in the protection history of Windows Security, or ask the administrator of this computer to allow it";
// Lines of the sidecar's log that do not explain an exit.
const ROUTINE = /^\S+Z (?:DEBUG|INFO) /;
// How long to wait for the rest of the sidecar's output: a process that inherited the pipes keeps them open.
const CLOSE_GRACE_MS = 250;

/**
 * @typedef {import("../../types/protocol").Hello} Hello
 * @typedef {object} Listener
 * @property {(hello: Hello) => void} hello the sidecar has started
 * @property {(message: any) => void} message any later message
 * @property {() => void} drain the pipe has taken everything; more may be sent
 * @property {(text: string) => void} stderr
 * @property {(reason: SidecarError, code: number | null) => void} closed called once, when the process is gone
 */

/** One sidecar process, from spawn to exit. Handles frames and hello, not calls. */
class Connection {
  #command;
  #origins;
  #cwd;
  #hint;
  #listener;
  /** @type {SidecarError | null} the first failure, which explains the exit better than the exit itself */
  #fault = null;
  #closed = false;
  #stderrTail = "";
  #reader;
  /** @type {import("node:child_process").ChildProcessWithoutNullStreams | null} */
  #child = null;
  /** @type {(() => void) | undefined} ends the wait for hello */
  #gotHello;

  /**
   * @param {{command: readonly string[], env: NodeJS.ProcessEnv, cwd: string | undefined, helloTimeout: number, startHint?: string | undefined,
   *   origins: readonly string[]}} options `origins`: the variables and flags that carry the app's settings
   * @param {Listener} listener
   */
  constructor(options, listener) {
    this.#command = options.command;
    this.#cwd = options.cwd;
    this.#hint = options.startHint;
    this.#origins = options.origins;
    this.#listener = listener;
    /** @type {Hello | null} */
    this.hello = null;
    this.#reader = new FrameReader(MAX_FRAME, (message) => this.#received(message));
    const [file = "", ...args] = options.command;
    try {
      this.#child = spawn(file, args, { cwd: options.cwd, env: options.env, stdio: ["pipe", "pipe", "pipe"], windowsHide: true });
    } catch (cause) {
      // spawn throws for arguments that no system accepts, e.g. one with a NUL; report it once the listeners exist.
      process.nextTick(() => this.#end(this.#notStarted(cause), null));
      return;
    }
    this.#listen(this.#child);
    this.#gotHello = awakeTimeout(() => {
      const text = `The sidecar sent nothing for ${options.helloTimeout / 1000} s after its start`;
      this.abort(new SidecarError("SIDECAR_HELLO_TIMEOUT", text, { hint: this.#startHint() }));
    }, options.helloTimeout);
  }

  /** @param {import("node:child_process").ChildProcessWithoutNullStreams} child */
  #listen(child) {
    // An unhandled 'error' of a pipe (EPIPE if the sidecar died first) would end the app.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on("error", () => {});
    child.stdin.on("drain", () => this.#listener.drain());
    child.stdout.on("data", (chunk) => this.#feed(chunk));
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text) => {
      this.#stderrTail = (this.#stderrTail + text).slice(-STDERR_KEPT);
      this.#listener.stderr(text);
    });
    child.on("error", (cause) => {
      if (child.pid === undefined) this.#end(this.#notStarted(cause), null);
    });
    child.on("exit", (code, signal) => {
      const finish = () => this.#end(this.#fault ?? this.#ended(code, signal), code);
      const timer = setTimeout(finish, CLOSE_GRACE_MS);
      child.once("close", () => {
        clearTimeout(timer);
        finish();
      });
    });
  }

  /** @param {Buffer} chunk */
  #feed(chunk) {
    if (this.#fault) return;
    try {
      this.#reader.feed(chunk);
    } catch (error) {
      // A valid frame that breaks the protocol, e.g. an error without a body.
      const text = `The sidecar sent an invalid message (${error})`;
      this.abort(error instanceof SidecarError ? error : new SidecarError("SIDECAR_PROTOCOL", text, { cause: error }));
    }
  }

  /** @param {any} message */
  #received(message) {
    if (this.hello) {
      if (message.type === "error" && message.id === null) {
        const { code, message: text, hint, data } = message.error;
        // The app set no variables or flags itself: only the names of its settings mean something to its author.
        const named = text.replace(/^- (\S+): /gm, (/** @type {string} */ all, /** @type {string} */ origin) =>
          this.#origins.includes(origin) ? "- " : all,
        );
        this.#fault ??= new SidecarError(code, named, { hint, data });
      }
      this.#listener.message(message);
      return;
    }
    if (message.type !== "hello") {
      throw new SidecarError("SIDECAR_PROTOCOL", `The sidecar's first frame is not hello but ${JSON.stringify(message.type)}`);
    }
    if (message.protocol !== PROTOCOL) {
      throw new SidecarError(
        "SIDECAR_PROTOCOL",
        `The sidecar (${message.sidecar}) speaks protocol ${message.protocol}, this package speaks ${PROTOCOL}`,
        { hint: `Install a sidecar and an electron-backend-sidecar package of the same release; this sidecar is ${this.#command[0]}` },
      );
    }
    const { channels, events, maxFrame, maxInFlight } = message;
    if (!Array.isArray(channels) || !Array.isArray(events) || !(maxFrame > 0) || !(maxInFlight > 0)) {
      throw new SidecarError("SIDECAR_PROTOCOL", "The sidecar's hello lacks a required field: channels, events, maxFrame or maxInFlight");
    }
    this.#gotHello?.();
    this.hello = message;
    this.#reader.maxFrame = message.maxFrame;
    this.#listener.hello(message);
  }

  /**
   * @param {Buffer} bytes
   * @returns {boolean} false: wait for `drain`
   */
  write(bytes) {
    const stdin = this.#child?.stdin;
    return stdin?.writable ? stdin.write(bytes) : true; // the process is gone: `closed` is about to be called
  }

  /** Closes the sidecar's stdin; the sidecar then stops the backend and exits. */
  abandon() {
    this.#child?.stdin.end();
  }

  /**
   * Kills a sidecar that does not respond. The guardian or the job object ensures that its backend dies with it.
   *
   * @param {SidecarError} reason
   */
  abort(reason) {
    this.#fault ??= reason;
    this.#child?.kill("SIGKILL");
  }

  /**
   * @param {SidecarError} reason
   * @param {number | null} code
   */
  #end(reason, code) {
    if (this.#closed) return;
    this.#closed = true;
    this.#gotHello?.();
    this.#child?.stdin.destroy();
    this.#child?.stdout.destroy();
    this.#child?.stderr.destroy();
    this.#listener.closed(reason, code);
  }

  /**
   * @param {number | null} code
   * @param {string | null} signal
   */
  #ended(code, signal) {
    const how = signal ? `killed by ${signal}` : `exit code ${exitCode(code)}`;
    const unfinished = this.#reader.unfinished;
    const lines = this.#stderrTail.trim().split("\n");
    const words = lines
      .filter((line) => !ROUTINE.test(line))
      .slice(-12)
      .join("\n");
    const text =
      `The sidecar exited ${this.hello ? "unexpectedly" : "before it was ready"} (${how})` +
      (unfinished ? `, in the middle of a frame (${unfinished})` : "") +
      (words ? `. Its last output:\n${words}` : "");
    return new SidecarError(this.hello ? "SIDECAR_EXITED" : "SIDECAR_NOT_STARTED", text, {
      hint: this.hello ? (folderDamage(this.#command[0] ?? "") ?? undefined) : this.#startHint(),
      data: { code, signal, stderr: this.#stderrTail },
    });
  }

  /** @param {unknown} cause */
  #notStarted(cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    const missing = /** @type {{code?: unknown}} */ (cause)?.code === "ENOENT" && !path.isAbsolute(this.#command[0] ?? "");
    const blocked = process.platform === "win32" && isBlocked(cause) && (folderDamage(this.#command[0] ?? "") ?? BLOCKED);
    // The system's error names the program also where it cannot enter the folder.
    const lost = this.#cwd !== undefined && !isFolder(this.#cwd) && `The option cwd is not a folder: ${this.#cwd}`;
    const hint = lost || blocked || (missing && !this.#hint ? `${this.#command[0]} is not on the PATH. ${INSTALL}` : this.#startHint());
    return new SidecarError("SIDECAR_NOT_STARTED", `The sidecar could not be started: ${text}`, { cause, hint });
  }

  #startHint() {
    return (
      this.#hint ??
      folderDamage(this.#command[0] ?? "") ??
      notExecutable(this.#command[0] ?? "") ??
      `Check that this starts a sidecar: ${this.#command.join(" ")}. The backend's own command goes into settings.backend.command`
    );
  }
}

/**
 * Whether Windows refused to start an existing program: libuv has no name for most reasons (src/win/error.c).
 *
 * @param {unknown} cause
 */
function isBlocked(cause) {
  return ["EACCES", "EBUSY", "EPERM", "UNKNOWN"].includes(/** @type {{code?: string}} */ (cause)?.code ?? "");
}

/**
 * Returns the exit code as Windows' documentation writes it: a status of the system (NTSTATUS) in hexadecimal.
 *
 * @param {number | null} code
 */
function exitCode(code) {
  return code !== null && code > 0xffff ? `0x${code.toString(16).toUpperCase().padStart(8, "0")}` : code;
}

module.exports = { Connection, exitCode, isBlocked };
