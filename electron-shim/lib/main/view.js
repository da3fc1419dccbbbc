"use strict";

/**
 * The backend's state as last reported by the sidecar, without waiting.
 */
class BackendView {
  #sidecar;
  #bootstrap;
  /** @type {import("../../types/protocol").StateChanged["state"]} */
  #state = "STOPPED";

  /**
   * @param {import("../client.js").Sidecar} sidecar
   * @param {() => import("../../types/protocol").Bootstrap} bootstrap
   */
  constructor(sidecar, bootstrap) {
    this.#sidecar = sidecar;
    this.#bootstrap = bootstrap;
    sidecar.on("backend:stateChanged", ({ state }) => (this.#state = state));
    sidecar.on("sidecar:exited", () => (this.#state = "BACKOFF"));
    sidecar.on("sidecar:failed", () => (this.#state = "FAILED"));
  }

  get state() {
    return this.#state;
  }

  get pid() {
    return this.#bootstrap().backend.pid;
  }

  getUrl() {
    return this.#bootstrap().backend.baseUrl;
  }

  getPort() {
    return this.#bootstrap().backend.port;
  }

  isRunning() {
    return this.#bootstrap().backend.ready;
  }

  /** @returns {Promise<any>} */
  start() {
    return this.#sidecar.invoke("backend:start");
  }

  /** @returns {Promise<any>} */
  stop() {
    return this.#sidecar.invoke("backend:stop");
  }

  /** @returns {Promise<any>} */
  restart() {
    return this.#sidecar.invoke("backend:restart");
  }
}

module.exports = { BackendView };
