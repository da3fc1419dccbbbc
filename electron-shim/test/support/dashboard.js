// A real `sidecar dashboard` and a real Chromium in front of it.
"use strict";

const { spawn } = require("node:child_process");
const fs = require("node:fs");
const http = require("node:http");
const os = require("node:os");
const path = require("node:path");
const { until } = require("./app.js");
const { PYTHON, httpBackend, noSidecar, sidecarEnv } = require("./sidecar.js");

const CHROMIUM = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  (file) => file && fs.existsSync(file),
);
const SHOTS = process.env.DASHBOARD_SCREENSHOTS; // a folder for a person to look at

/** Why no browser is available for tests, or false. */
const noBrowser = CHROMIUM ? false : "no Chromium is installed: apt-get install chromium, or set CHROMIUM";

/**
 * @param {import("node:test").TestContext} t everything is removed after the test
 * @param {{backend?: string[], words?: string[]}} [order]
 */
async function startDashboard(t, { backend = httpBackend(), words = [] } = {}) {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), "dashboard-"));
  const child = spawn(
    PYTHON,
    ["-m", "sidecar", "dashboard", "--no-open", "--set", `paths.data=${JSON.stringify(data)}`, ...words, "--", ...backend],
    {
      env: { ...process.env, ...sidecarEnv },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let output = "";
  child.stdout.on("data", (text) => (output += text));
  child.stderr.on("data", (text) => (output += text));
  /** @type {Promise<number | null>} */
  const exited = new Promise((resolve) => child.on("exit", resolve));
  t.after(async () => {
    child.kill("SIGTERM"); // a clean stop, so that no process writes into the folder while it is removed
    const limit = setTimeout(() => child.kill("SIGKILL"), 60_000);
    await exited;
    clearTimeout(limit);
    fs.rmSync(data, { recursive: true, force: true });
  });
  const addresses = () => [...output.matchAll(/http:\S+#token=\S+/g)].map(String);
  await until(() => addresses().length > 0 || child.exitCode !== null, "an address");
  if (child.exitCode !== null) throw new Error(output);
  return { child, exited, data, output: () => output, address: () => String(addresses().at(-1)) };
}

/** @param {import("node:test").TestContext} t @returns {Promise<import("playwright-core").Browser>} */
async function startBrowser(t) {
  const { chromium } = require("playwright-core");
  const browser = await chromium.launch({ executablePath: String(CHROMIUM), args: ["--no-sandbox", "--disable-gpu"] });
  t.after(() => browser.close());
  return browser;
}

/**
 * Opens a page and records its complaints.
 *
 * @param {import("playwright-core").Browser | import("playwright-core").BrowserContext} browser
 * @param {string} address
 */
async function openPage(browser, address, options = { viewport: { width: 1280, height: 900 } }) {
  const context = "newContext" in browser ? await browser.newContext(options) : browser;
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  /** @type {string[]} */
  const complaints = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(address);
  /** @param {string} id @returns {Promise<string>} its visible text */
  const text = (id) => page.locator(`#${id}`).evaluate((one) => (one.checkVisibility() ? /** @type {HTMLElement} */ (one).innerText : ""));
  return {
    page,
    context,
    complaints,
    text,
    /** @param {string} id @param {string | RegExp} wanted */
    shows: (id, wanted) =>
      until(
        async () => (typeof wanted === "string" ? (await text(id)).includes(wanted) : wanted.test(await text(id))),
        `${wanted} in #${id}`,
      ),
    /** @param {string} name */
    shot: async (name) => {
      if (!SHOTS) return;
      fs.mkdirSync(SHOTS, { recursive: true });
      await page.evaluate(() => window.scrollTo(0, 0));
      await page.screenshot({ path: path.join(SHOTS, `${name}.png`), fullPage: true });
    },
  };
}

/** @param {string} url @returns {Promise<void>} resolves whatever the answer */
const post = (url) =>
  new Promise((resolve) => {
    const request = http.request(url, { method: "POST" }, (answer) => answer.resume().on("close", resolve));
    request.on("error", () => resolve()).end();
  });

module.exports = { noBrowser: noSidecar || noBrowser, openPage, post, startBrowser, startDashboard };
