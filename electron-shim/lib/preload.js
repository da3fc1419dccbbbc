"use strict";

const { applyState, emptyBootstrap } = require("./bootstrap.js");
const { closest } = require("./closest.js");
const { OPT_IN_EVENTS, EVENTS, LEGACY_CHANNELS, PAGE_CHANNELS } = require("./names.js");

/**
 * @typedef {import("../types/preload").IpcRendererLike} IpcRendererLike
 * @typedef {import("../types/preload").ContextBridgeLike} ContextBridgeLike
 * @typedef {import("../types/protocol").Bootstrap} Bootstrap
 * @typedef {(payload: any) => void} Callback
 */

/** @param {unknown} name @param {readonly string[]} known */
function remedy(name, known) {
  const close = closest(String(name), known);
  return close ? `. Did you mean ${close}?` : ": expose your app's own channels in your own preload";
}

/**
 * Manages a page's callbacks; one that is added late gets the last event. Callbacks get the payload, never Electron's event, which would
 * expose `ipcRenderer` to the page.
 *
 * @param {IpcRendererLike} ipcRenderer
 */
function createEvents(ipcRenderer) {
  /** @type {Map<string, {callbacks: Set<Callback>, last: {payload: any} | null}>} */
  const channels = new Map();

  /** @param {Callback} callback @param {any} payload */
  function notify(callback, payload) {
    try {
      callback(payload);
    } catch (error) {
      setTimeout(() => {
        throw error; // a bug in the page: it appears in the page's console, and the other listeners are still called
      });
    }
  }

  /** @param {string} name */
  function open(name) {
    /** @type {{callbacks: Set<Callback>, last: {payload: any} | null}} */
    const channel = { callbacks: new Set(), last: null };
    channels.set(name, channel);
    ipcRenderer.on(name, (_event, payload) => {
      if (!OPT_IN_EVENTS.includes(name)) channel.last = { payload };
      for (const callback of [...channel.callbacks]) notify(callback, payload);
    });
    return channel;
  }

  /**
   * @param {string} name
   * @param {Callback} callback
   * @returns {() => void}
   */
  return function listen(name, callback) {
    if (!EVENTS.includes(name)) throw new TypeError(`${JSON.stringify(name)} is not an event of the backend${remedy(name, EVENTS)}`);
    if (typeof callback !== "function") throw new TypeError(`the listener of ${name} must be a function`);
    const channel = channels.get(name) ?? open(name);
    const own = (/** @type {any} */ payload) => callback(payload); // the same function added twice is two listeners
    const late = () => channel.last && channel.callbacks.has(own) && notify(own, channel.last.payload);
    const first = channel.callbacks.size === 0;
    channel.callbacks.add(own);
    if (channel.last) {
      queueMicrotask(late);
    } else if (first) {
      // From here on main sends the event. The answer is the last one sent before, unless a newer one arrived first.
      ipcRenderer.invoke("electron-backend-sidecar:listen", name).then(
        (/** @type {any} */ last) => {
          if (!last || channel.last) return;
          channel.last = last;
          for (const one of [...channel.callbacks]) notify(one, last.payload);
        },
        () => {}, // refused: this page gets no events
      );
    }
    return () => {
      if (channel.callbacks.delete(own) && channel.callbacks.size === 0 && OPT_IN_EVENTS.includes(name)) {
        ipcRenderer.send("electron-backend-sidecar:unlisten", name);
      }
    };
  };
}

/**
 * @param {IpcRendererLike} ipcRenderer
 * @returns {Bootstrap}
 */
function readBootstrap(ipcRenderer) {
  try {
    return /** @type {Bootstrap | null} */ (ipcRenderer.sendSync("runtime:getBootstrap")) ?? emptyBootstrap();
  } catch {
    return emptyBootstrap(); // no answer: the page must still load
  }
}

/**
 * @param {string} channel `backend:healthUpdate`
 * @returns {string} `HealthUpdate`
 */
function capitalised(channel) {
  const name = channel.slice(channel.indexOf(":") + 1);
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/**
 * @param {IpcRendererLike} ipcRenderer
 * @returns {any} typed in types/preload.d.ts
 */
function createBackendApi(ipcRenderer) {
  let bootstrap = readBootstrap(ipcRenderer);
  const atStart = bootstrap.backend;
  const listen = createEvents(ipcRenderer);
  listen("backend:stateChanged", (change) => {
    bootstrap = applyState(bootstrap, change);
  });

  /** @param {string} channel @param {any[]} args @returns {Promise<any>} */
  async function invoke(channel, ...args) {
    if (!PAGE_CHANNELS.includes(channel))
      throw new Error(`${JSON.stringify(channel)} is not a channel of the backend${remedy(channel, PAGE_CHANNELS)}`);
    return ipcRenderer.invoke(channel, ...(LEGACY_CHANNELS.includes(channel) ? [] : args));
  }

  /** @param {string} name @param {Callback} callback @returns {() => void} */
  function once(name, callback) {
    if (typeof callback !== "function") throw new TypeError(`the listener of ${name} must be a function`);
    const off = listen(name, (payload) => {
      off();
      callback(payload);
    });
    return off;
  }

  const refresh = async () => {
    bootstrap = await invoke("runtime:getDiagnostics");
    return bootstrap;
  };
  const address = async () => bootstrap.backend.baseUrl ?? invoke("backend:getUrl");
  const updates = {
    onBackendHealthUpdate: (/** @type {Callback} */ callback) => listen("backend:healthUpdate", callback),
    onBackendProviderUpdate: (/** @type {Callback} */ callback) => listen("backend:providerUpdate", callback),
  };

  /** @type {Record<string, (...args: any[]) => any>} */
  const backend = {};
  for (const channel of PAGE_CHANNELS) {
    if (channel.startsWith("backend:")) backend[channel.slice(8)] = (...args) => invoke(channel, ...args);
  }
  for (const name of EVENTS) backend[`on${capitalised(name)}`] = (callback) => listen(name, callback);
  backend.getUrl = address;
  backend.getBaseUrl = address;
  backend.lastError = () => ipcRenderer.invoke("electron-backend-sidecar:lastError");

  return {
    backend,
    runtime: { getDiagnostics: refresh, refresh, getCachedDiagnostics: () => bootstrap, ...updates },
    invoke,
    on: listen,
    once,
    desktopBridge: {
      getBackendBaseUrl: () => bootstrap.backend.baseUrl,
      getAppEnvironment: () => bootstrap.environment.mode,
      getCachedDiagnostics: () => bootstrap,
      getDiagnosticInfo: refresh,
      backend: { ...atStart, getUrl: () => bootstrap.backend.baseUrl },
      environment: bootstrap.environment,
      os: bootstrap.os,
      paths: bootstrap.paths,
      ...updates,
    },
  };
}

const ALIAS_FLAG = "--electron-backend-sidecar-alias=";

/** @returns {string[]} from `webPreferences.additionalArguments`, the only way to pass something to a preload that is not called */
function aliasesOfArguments() {
  const words = typeof process === "undefined" ? [] : (process.argv ?? []);
  return words.filter((word) => word.startsWith(ALIAS_FLAG)).map((word) => word.slice(ALIAS_FLAG.length));
}

/**
 * @param {ContextBridgeLike} contextBridge
 * @param {IpcRendererLike} ipcRenderer
 * @param {{aliases?: readonly string[]}} [options] additional names for `electron` in the page
 */
function expose(contextBridge, ipcRenderer, { aliases = aliasesOfArguments() } = {}) {
  const { desktopBridge, ...electron } = createBackendApi(ipcRenderer);
  for (const name of new Set(["electron", ...aliases])) contextBridge.exposeInMainWorld(name, electron);
  contextBridge.exposeInMainWorld("desktopBridge", desktopBridge);
}

module.exports = { createBackendApi, expose };
