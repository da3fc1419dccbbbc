"use strict";

/**
 * @typedef {import("../types/protocol").Bootstrap} Bootstrap
 * @typedef {import("../types/protocol").StateChanged} StateChanged
 */

/**
 * Returns what a page reads before the sidecar answers: all keys, but no address yet.
 *
 * @returns {Bootstrap}
 */
function emptyBootstrap() {
  return {
    backend: {
      baseUrl: null,
      port: null,
      protocol: "http",
      managedByElectron: true,
      healthEndpoint: "",
      readinessEndpoint: "",
      sseJobEventsTemplate: "",
      pid: null,
      ready: false,
    },
    environment: { mode: "production", isPackaged: false, version: "" },
    os: { platform: "", release: "", arch: "", hostname: "" },
    paths: { userData: "", temp: "", logs: "" },
  };
}

/**
 * Returns the bootstrap after a state change. A known address is kept while the backend is down: the page keeps using
 * it, and the next run has the same one.
 *
 * @param {Bootstrap} bootstrap
 * @param {StateChanged} change
 * @returns {Bootstrap}
 */
function applyState(bootstrap, change) {
  const backend = { ...bootstrap.backend, pid: change.pid, ready: change.state === "RUNNING" };
  if (change.url !== null) {
    backend.baseUrl = change.url;
    backend.port = change.port;
  }
  return { ...bootstrap, backend };
}

module.exports = { applyState, emptyBootstrap };
