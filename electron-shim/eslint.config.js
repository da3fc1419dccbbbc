"use strict";

const globals = {
  node: [
    "require",
    "module",
    "process",
    "Buffer",
    "__dirname",
    "__filename",
    "console",
    "performance",
    "URL",
    "AbortSignal",
    "AbortController",
    "Response",
    "structuredClone",
  ],
  both: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "setImmediate", "queueMicrotask", "NodeJS"],
  browser: ["window", "document", "CustomEvent", "XMLHttpRequest"],
};
const readonly = (/** @type {string[]} */ ...names) => Object.fromEntries(names.map((name) => [name, "readonly"]));

/** @type {import("eslint").Linter.Config[]} */
module.exports = [
  {
    ignores: [
      "**/node_modules/",
      "esm/",
      "preload.standalone.js",
      "lib/names.js",
      "types/",
      "test/types/",
      "example/node_modules/",
      "example/dist/",
    ],
  },
  {
    files: ["**/*.js", "**/*.mjs"],
    languageOptions: { ecmaVersion: 2022, sourceType: "commonjs", globals: readonly(...globals.node, ...globals.both, ...globals.browser) },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      ...require("@eslint/js").configs.recommended.rules,
      eqeqeq: "error",
      "no-var": "error",
      "prefer-const": ["error", { destructuring: "all" }],
      "no-implicit-globals": "error",
      "no-shadow": "error",
      "no-throw-literal": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_", caughtErrors: "all" }],
      "no-control-regex": "off", // the wire has control characters, and texts about it are cleaned of them
      "no-promise-executor-return": "off",
      "no-param-reassign": ["error", { props: false }],
      "require-await": "off", // an async function turns a throw into a rejection
      strict: ["error", "global"],
      "max-lines": ["error", { max: 300, skipBlankLines: false }],
    },
  },
  { files: ["**/*.mjs"], languageOptions: { sourceType: "module" } },
  { files: ["test/**"], rules: { "max-lines": ["error", { max: 500 }] } },
];
