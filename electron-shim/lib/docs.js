"use strict";

// The manifest's repository: what npm installs has no docs folder.
const PAGES = "https://github.com/electron-backend-sidecar/electron-backend-sidecar/blob/main/docs";

/** The address of a page of the documentation, for messages. @param {"embedding" | "migration"} name */
const pageUrl = (name) => `${PAGES}/${name}.md`;

module.exports = { pageUrl };
