"use strict";

const { SidecarError } = require("./client.js");
const { ownOptions } = require("./client/options.js");
const { Attachment } = require("./main/attachment.js");
const { checkAttachOptions, checkRepeated } = require("./main/options.js");
const { preloadPath } = require("./main/preload-path.js");

/**
 * @typedef {import("../types/main").AttachOptions} AttachOptions
 * @typedef {import("../types/main").AttachedSidecar} AttachedSidecar
 */

/**
 * @typedef {object} Entry
 * @property {AttachOptions} options
 * @property {Attachment | null} attachment
 * @property {Promise<AttachedSidecar>} attached
 */
/** @type {WeakMap<object, Entry>} by app */
const attachments = new WeakMap();

/**
 * @param {AttachOptions} given
 * @returns {Promise<AttachedSidecar>}
 */
function attachSidecar(given) {
  const options = ownOptions(given);
  /** @type {Entry} */
  const entry = { options, attachment: null, attached: Promise.resolve(/** @type {any} */ (null)) };
  try {
    checkAttachOptions(options);
    const known = attachments.get(options.app);
    if (known && !known.attachment?.over) {
      checkRepeated(options, known.options);
      return known.attached;
    }
    entry.attached = known?.attachment ? known.attachment.detach().then(attach) : attach(); // two sidecars must not share a data folder
  } catch (error) {
    return Promise.reject(error); // a mistake of the app's author, whom an error box for users would not reach
  }
  attachments.set(options.app, entry);
  // Handled even if no caller awaits it yet, as before the app is ready: the failure was reported and must not end the app.
  entry.attached.catch(() => {
    if (!entry.attachment && attachments.get(options.app) === entry) attachments.delete(options.app);
  });
  return entry.attached;

  function attach() {
    const attachment = new Attachment(options);
    entry.attachment = attachment;
    return attachment.whenAttached();
  }
}

module.exports = { attachSidecar, preloadPath, SidecarError };
