// For the dashboard's page, which is a browser's: `eslint -c page/eslint.config.js` from the repository's root.
"use strict";

const [, base] = require("../eslint.config.js");
const NAMES = [
  "window",
  "document",
  "location",
  "history",
  "localStorage",
  "navigator",
  "fetch",
  "WebSocket",
  "URL",
  "URLSearchParams",
  "CustomEvent",
  "ResizeObserver",
  "HTMLElement",
  "Node",
  "matchMedia",
  "getComputedStyle",
  "requestAnimationFrame",
  "setTimeout",
  "clearTimeout",
  "setInterval",
  "performance",
  "uPlot",
];

/** @type {import("eslint").Linter.Config[]} */
module.exports = [
  { ignores: ["**/vendor/"] },
  {
    ...base,
    files: ["sidecar/dashboard/page/**/*.js"],
    languageOptions: { ecmaVersion: 2022, sourceType: "module", globals: Object.fromEntries(NAMES.map((name) => [name, "readonly"])) },
    rules: {
      .../** @type {any} */ (base).rules,
      "no-restricted-properties": ["error", { property: "innerHTML" }, { property: "outerHTML" }, { property: "insertAdjacentHTML" }],
    },
  },
];
