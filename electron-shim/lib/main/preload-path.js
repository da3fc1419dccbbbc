"use strict";

const path = require("node:path");
const { findFile, ownFolder } = require("../client/folders.js");
const { thisHost } = require("../client/locate.js");
const { pageUrl } = require("../docs.js");

const NAME = "preload.standalone.js";

/**
 * Returns the file for `webPreferences.preload`: in this package, next to a bundled main process, or in a node_modules folder above it.
 *
 * @param {string} [from] the folder of the running code
 * @param {Pick<import("../client/locate.js").Host, "packaged" | "resourcesPath">} [host]
 * @returns {string}
 */
function preloadPath(from = ownFolder(), { packaged, resourcesPath } = thisHost()) {
  const top = packaged ? resourcesPath : undefined;
  const found = findFile(from, NAME, { top }) ?? findFile(from, path.join("node_modules", "electron-backend-sidecar", NAME), { top });
  if (found) return found;
  throw new Error(
    `${NAME} was not found in ${from}, its parent folders or their node_modules. A bundled app copies it next to the main process's ` +
      `file when it is built, from require.resolve("electron-backend-sidecar/${NAME}"), or bundles its own preload ` +
      `(see ${pageUrl("embedding")})`,
  );
}

module.exports = { preloadPath };
