// The dashboard as a user sees it: a real sidecar, a real backend, a real Chromium.
"use strict";

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { test } = require("node:test");
const { alive, startApp, until } = require("./support/app.js");
const { noBrowser, openPage, post, startBrowser, startDashboard } = require("./support/dashboard.js");
const { PYTHON, httpBackend, sidecarCommand, sidecarEnv } = require("./support/sidecar.js");

const skip = noBrowser;

test("the chart library next to the page matches its package", () => {
  execFileSync(process.execPath, [path.join(__dirname, "..", "scripts", "vendor.js"), "--check"]);
});

test("the page shows the backend, its buttons work, and the console stays empty", { skip }, async (t) => {
  const dashboard = await startDashboard(t, { backend: httpBackend("--say", "\x1b[31mred\x1b[0m words", "--say-stdout", "plain words") });
  const browser = await startBrowser(t);
  const { page, complaints, shows, text, shot } = await openPage(browser, dashboard.address());
  await shows("state", "Running");
  await shows("health", "Healthy");
  await shows("address", /http:\/\/127\.0\.0\.1:\d+/);
  await shows("answer", / ms/);
  await shows("providers", "Available");
  await shows("cpu-now", "%");
  await shows("memory-now", "MiB");
  await shows("crashes", "No run has crashed.");
  assert.equal(await page.title(), "Running · Sidecar");
  assert.equal(new URL(page.url()).hash, "", "the token is out of the address");
  assert.equal(await page.locator(".uplot canvas").count(), 2);
  await until(
    async () => /now [\d.]+ MiB/.test((await page.getAttribute("#memory-chart", "aria-label")) ?? ""),
    "a chart that says what it shows",
  );

  // The output, without control sequences; the filter highlights its matches.
  await shows("log", "red words");
  assert.ok(!(await text("log")).includes("\x1b"));
  await page.fill("#log-filter", "RED");
  await shows("log-count", /^1 of \d+ lines$/);
  assert.equal(await page.locator("#log mark").innerText(), "red");
  await page.selectOption("#log-stream", "stdout");
  await shows("log-empty", "No line matches.");
  await page.fill("#log-filter", "");
  await shows("log", "plain words");
  await page.selectOption("#log-stream", "both");
  await shot("running");

  // A crash: in the list, in the timeline, and as a report that opens and closes by keyboard.
  const pid = await text("pid");
  await post(`${await text("address")}/trouble/crash?kind=exception`);
  await shows("crashes", "restart 1 of 3");
  await until(async () => (await text("pid")) !== pid && (await text("state")) === "Running", "another process");
  await shows("events", "Running → Backoff");
  await shows("restarts", "1");
  await page.locator("#crashes button").first().focus();
  await page.keyboard.press("Enter");
  await shows("report-text", "What happened");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "report-close");
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("#report").isVisible(), false);
  assert.equal(await page.evaluate(() => document.activeElement?.className), "row", "the focus is back");

  // The doctor.
  await page.click("#diagnose");
  await shows("checks-summary", /^\d+ checks: 0 failed/);
  await shows("checks", "127.0.0.1 can be reached");
  await shot("doctor");

  // The buttons: disabled where they make no sense, and still focusable.
  const disabled = () =>
    page.$$eval(".actions button", (all) => all.filter((one) => one.getAttribute("aria-disabled") === "true").map((one) => one.id));
  assert.deepEqual(await disabled(), ["start"]);
  await page.click("#stop");
  await shows("state", "Stopped");
  await until(async () => String(await disabled()) === "stop", "the stop button to be off");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "stop", "it keeps the focus");
  await page.focus("#start");
  await page.keyboard.press("Enter");
  await shows("state", "Running");
  const started = await text("pid");
  await page.click("#restart");
  await until(async () => (await text("state")) === "Running" && ![started, "–"].includes(await text("pid")), "the process of the restart");
  assert.deepEqual(complaints, []);

  dashboard.child.kill("SIGINT");
  assert.equal(await dashboard.exited, 0);
  await shows("banners", "The dashboard is unreachable.");
  assert.equal(alive(Number(await text("pid"))), false);
});

test("the final crash is shown in a banner, with what to do", { skip }, async (t) => {
  const dashboard = await startDashboard(t, {
    backend: httpBackend("--crash-after", "0.2", "--say", "System.IO.IOException: database is locked"),
    words: ["--set", "timeouts.restart_delay=0.2"],
  });
  const { shows, shot, complaints, page } = await openPage(await startBrowser(t), dashboard.address());
  await shows("state", "Failed");
  await shows("banners", "The backend failed");
  await shows("banners", "It will not restart automatically: press Start.");
  await until(async () => (await page.locator("#crashes li").count()) === 4, "four reports");
  await page.reload();
  await shows("banners", "It will not restart automatically: press Start.");
  await shows("events", "Giving up.");
  await shot("crashed");
  assert.deepEqual(complaints, []);
});

test("the token opens one browser, with its reloads and other tabs, and no other", { skip }, async (t) => {
  const dashboard = await startDashboard(t);
  const browser = await startBrowser(t);
  const address = dashboard.address();
  const first = await openPage(browser, address);
  await first.shows("state", "Running");
  await first.page.reload();
  await first.shows("state", "Running");
  await first.shows("events", "Starting → Running");
  const second = await openPage(first.context, address);
  await second.shows("state", "Running");
  await second.page.click("#stop");
  await first.shows("state", "Stopped");

  const stranger = await openPage(browser, address);
  await stranger.shows("locked", "This link was already used");
  assert.equal(await stranger.page.locator("main").isVisible(), false);
  await stranger.shot("locked");
  const another = await openPage(browser, new URL(address).origin);
  await another.shows("locked", "The link has no token");
  await another.page.goto(dashboard.address()); // the same page with another fragment: nothing is reloaded
  await another.shows("state", "Stopped");
});

test("a dead sidecar is reported and replaced, and a page that lost the dashboard reconnects", { skip }, async (t) => {
  const dashboard = await startDashboard(t);
  const { page, shows, text, shot } = await openPage(await startBrowser(t), dashboard.address());
  await shows("state", "Running");
  const pid = await text("pid");
  process.kill(Number(/process (\d+)/.exec(await text("connection"))?.[1]), "SIGKILL");
  await shows("banners", "The sidecar was lost and replaced");
  await until(async () => (await text("state")) === "Running" && (await text("pid")) !== pid, "another backend");
  await page.getByText("Details").click();
  await shows("banners", "exit status -9");
  await shot("replaced");
  await page.getByRole("button", { name: "Dismiss" }).click();
  assert.equal(await text("banners"), "");

  // A dashboard restarted on the same port no longer knows the old key, and says so.
  const port = new URL(dashboard.address()).port;
  dashboard.child.kill("SIGTERM");
  await dashboard.exited;
  await shows("banners", "The dashboard is unreachable.");
  const next = await startDashboard(t, { words: ["--port", port] });
  await shows("locked", "The link has no token");
  assert.equal(await text("banners"), "");
  await page.goto(next.address());
  await shows("state", "Running");
});

test("the page keeps the last lines, at most a hundred thousand, and shows those that match the filter", async () => {
  const file = path.join(__dirname, "..", "..", "sidecar", "dashboard", "page", "views", "log-store.js");
  const { LogStore, KEPT } = await import(`data:text/javascript,${encodeURIComponent(fs.readFileSync(file, "utf8"))}`);
  const store = new LogStore();
  store.filter("EVEN", "stdout");
  for (let number = 1; number <= 250_000; number++) {
    store.add("", number % 3 === 0 ? "stderr" : "stdout", `${number} ${number % 2 === 0 ? "even" : "odd"}`);
    assert.ok(store.lines.length <= KEPT);
  }
  assert.equal(store.lines.at(-1).text, "250000 even");
  assert.ok(store.lines.length >= 0.9 * KEPT);
  const wanted = store.lines.filter((/** @type {any} */ { number }) => number % 2 === 0 && number % 3 !== 0);
  assert.deepEqual(store.shown, wanted, "as lines came and went");
  store.filter("even", "stdout");
  assert.deepEqual(store.shown, wanted, "and all at once");
  store.filter("", "both");
  assert.equal(store.shown.length, store.lines.length);
});

const TALKER = `
import socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
for block in range(600):
    sys.stdout.write("".join(f"line {block * 200 + number} of what a busy backend writes\\n" for number in range(200)))
    sys.stdout.flush()
    time.sleep(0.02)
time.sleep(600)
`;

test("a hundred thousand lines leave the page fast and small", { skip }, async (t) => {
  const dashboard = await startDashboard(t, { backend: [PYTHON, "-I", "-S", "-c", TALKER, "{port}"], words: ["--profile", "generic"] });
  const { page, shows, text, complaints } = await openPage(await startBrowser(t), dashboard.address());
  const rows = () => page.locator(".log-row").count();
  let most = 0;
  await until(
    async () => {
      most = Math.max(most, await rows());
      return (await text("log")).includes("line 119999 ");
    },
    "the last line",
    120_000,
  );
  assert.ok(most < 150, `${most} rows`);
  const count = Number((await text("log-count")).replace(/\D/g, ""));
  assert.ok(count > 20_000 && count <= 100_000, `${count} lines`);

  await page.fill("#log-filter", "line 119998 ");
  await shows("log-count", /^1 of /);
  await page.fill("#log-filter", "");
  await page.focus("#log");
  await page.keyboard.press("Home");
  await until(async () => !(await text("log")).includes("line 119999 "), "the beginning");
  await until(() => page.locator("#log-end").isVisible(), "the button to the end");
  await page.click("#log-end");
  await shows("log", "line 119999 ");
  assert.ok((await rows()) < 150);
  // The keys' smooth scrolling continues for some frames, up to the top; the button came last.
  const left = await page.evaluate(async () => {
    const log = /** @type {HTMLElement} */ (document.getElementById("log"));
    const end = /** @type {HTMLElement} */ (document.getElementById("log-end"));
    log.scrollTop = 0;
    const frames = async () => {
      for (let frame = 0; frame < 5; frame++) await new Promise((done) => window.requestAnimationFrame(done));
    };
    await frames();
    end.click();
    for (let part = 4; part >= 0; part--) {
      log.scrollTop = (log.scrollHeight * part) / 5;
      await new Promise((done) => window.requestAnimationFrame(done));
    }
    await frames();
    return log.scrollHeight - log.scrollTop - log.clientHeight;
  });
  assert.ok(left < 20, `${left} pixels from the end`);
  // A key pressed before the frame in which the list grows: there is nothing to scroll yet, and no scroll event shows the intent.
  await page.fill("#log-filter", "line 119998 ");
  await shows("log-count", /^1 of /);
  await page.evaluate(async () => {
    const filter = /** @type {HTMLInputElement} */ (document.getElementById("log-filter"));
    filter.value = "";
    filter.dispatchEvent(new window.Event("input"));
    document.getElementById("log")?.dispatchEvent(new window.KeyboardEvent("keydown", { key: "Home" }));
  });
  await shows("log-count", /^[\d,]+ lines$/);
  assert.equal(await page.locator("#log").evaluate((log) => log.scrollTop), 0);
  await page.click("#log-end");
  await shows("log", "line 119999 ");
  await page.hover("#log");
  await page.mouse.wheel(0, -2000);
  await until(async () => !(await text("log")).includes("line 119999 "), "further up, as the wheel wants it");
  await until(() => page.locator("#log-end").isVisible(), "the button to the end");
  assert.deepEqual(complaints, []);
});

test("a start shows what it waits for, a backoff counts down, and both disappear afterwards", { skip }, async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "dashboard-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const seen = path.join(folder, "seen"); // created once the start's display has been read: the backend may exit
  const script =
    "import os, sys, time; print('no licence found, wait', flush=True)\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.1)\nraise SystemExit(3)";
  const browser = await startBrowser(t);
  const words = ["restart.first_delay=15", "restart.attempts=1", "restart.jitter=0", "timeouts.startup=120"].flatMap((one) => [
    "--set",
    one,
  ]);
  const dashboard = await startDashboard(t, { backend: [PYTHON, "-c", script, seen], words });
  const { page, shows, text, complaints } = await openPage(browser, dashboard.address());
  await shows(
    "state-detail",
    /for \d.* of 2 min\. Waiting for the port to open: none of its processes listens on a port yet; its last output: no licence found/,
  );
  await shows("command", "raise SystemExit(3)");
  assert.notEqual(await text("working-folder"), "–");
  fs.writeFileSync(seen, "");
  await shows("state", "Backoff");
  await shows("state-detail", /^restarts in ([1-9]|1[0-5]) s$/);
  await shows("state", "Failed");
  await shows("state-detail", /^for \d+ (ms|s|min.*)$/);
  await page.reload();
  await shows("state", "Failed");
  await shows("log", "no licence found");
  assert.match(await text("state-detail"), /^for \d+ (ms|s|min.*)$/);
  assert.ok(!(await text("log")).includes("too fast"), "what was printed before the page came is not missing");
  assert.deepEqual(complaints, []);
});

test("lines wrap, the theme cycles and is remembered, and the bundle is a zip without secrets", { skip }, async (t) => {
  const dashboard = await startDashboard(t, { backend: httpBackend("--say", "word ".repeat(200)) });
  const { page, shows, text, complaints } = await openPage(await startBrowser(t), dashboard.address());
  await shows("log", "word word");
  const height = () =>
    page
      .locator("#log .log-row")
      .first()
      .evaluate((row) => row.getBoundingClientRect().height);
  assert.equal(await height(), 20);
  await page.click("#log-wrap");
  await until(async () => (await height()) > 40, "a line of several rows");
  await page.click("#log-wrap");
  await until(async () => (await height()) === 20, "a line of one row");

  const background = () => page.evaluate(() => document.defaultView?.getComputedStyle(document.body).backgroundColor);
  const bright = await background();
  await page.click("#theme");
  assert.notEqual(await background(), bright);
  await page.reload();
  await shows("theme", "Theme: dark");
  assert.notEqual(await background(), bright);
  await page.click("#theme");
  await page.click("#theme");
  assert.equal(await text("theme"), "Theme: system");

  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#bundle")]);
  assert.match(download.suggestedFilename(), /^sidecar-bundle-.+\.zip$/);
  assert.equal(
    fs
      .readFileSync(String(await download.path()))
      .subarray(0, 2)
      .toString(),
    "PK",
  );
  await shows("checks-summary", "Secrets are masked");
  assert.deepEqual(complaints, []);
});

test("the page works in dark mode, at 800 and 400 pixels, and without a mouse", { skip }, async (t) => {
  const dashboard = await startDashboard(t, { backend: httpBackend("--say", "some words") });
  const { page, shows, shot } = await openPage(await startBrowser(t), dashboard.address());
  await shows("state", "Running");
  await shows("log", "some words");
  await page.click("#diagnose");
  await shows("checks-summary", "checks");
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await page.evaluate(faint), [], `${colorScheme}: text that is too faint`);
    for (const width of [1280, 800, 400]) {
      await page.setViewportSize({ width, height: 900 });
      await until(
        () => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth),
        `nothing to scroll sideways at ${width} pixels`,
      );
      await shot(`${colorScheme}-${width}`);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  }
  // Tab forwards through every control; each shows a focus ring.
  await page.reload();
  await shows("state", "Running");
  await page.keyboard.press("Tab");
  /** @type {string[]} */
  const order = [];
  for (let step = 0; step < 40; step++) {
    const { name, ring } = await page.evaluate(() => {
      const { activeElement: one } = document;
      if (!one || one === document.body) return { name: "", ring: "" };
      return { name: one.id || one.textContent?.trim() || "", ring: window.getComputedStyle(one).outlineStyle };
    });
    if (name === "" || order.includes(name)) break; // all visited
    order.push(name);
    assert.equal(ring, "solid", name);
    await page.keyboard.press("Tab");
  }
  const wanted = ["Skip to the content", "start", "restart", "stop", "log-filter", "log-stream", "log-copy", "log", "diagnose"];
  assert.deepEqual(
    order.filter((name) => wanted.includes(name)),
    wanted,
  );
  assert.deepEqual(await page.locator("[role=status], [role=alert]").evaluateAll((all) => all.map(({ id }) => id)), [
    "connection",
    "banners",
    "state",
    "checks-summary",
  ]);
});

test(
  "the same page is a window of an Electron app, over the app's own sidecar",
  { skip: skip || (process.env.REAL_ELECTRON !== undefined && "the windows are looked into as the emulation has them") },
  async (t) => {
    const options = { command: sidecarCommand, env: sidecarEnv, settings: { backend: { command: httpBackend("--say", "some words") } } };
    const app = await startApp(t, { options, noWindow: true });
    await app.command("openDashboard");
    const text = (/** @type {string} */ id) => app.page(`document.getElementById(${JSON.stringify(id)}).innerText`);
    const shows = (/** @type {string} */ id, /** @type {string} */ wanted) =>
      until(async () => (await text(id)).includes(wanted), `${wanted} in #${id}`);
    const press = (/** @type {string} */ id) => app.page(`document.getElementById(${JSON.stringify(id)}).click()`);
    await shows("state", "Running");
    await shows("connection", "Sidecar of this app");
    await shows("health", "Healthy");
    await shows("log", "some words");
    await shows("providers", "Available");
    await shows("memory-now", "iB");
    await press("diagnose");
    await shows("checks-summary", "checks: 0 failed");
    await press("stop");
    await shows("state", "Stopped");
    await press("start");
    await shows("state", "Running");
    const pid = await text("pid");
    process.kill(Number(pid), "SIGKILL");
    await shows("crashes", "SIGKILL");
    await until(async () => (await text("state")) === "Running" && (await text("pid")) !== pid, "another backend");
    await app.page("document.querySelector('#crashes button').click()");
    await shows("report-text", "What happened");
    await press("report-close");

    const before = await text("pid");
    process.kill((await app.facts()).sidecarPid, "SIGKILL");
    await until(async () => (await text("state")) === "Running" && (await text("pid")) !== before, "the backend of another sidecar");
    await shows("log", "some words");
    const { console: complaints, preloadErrors } = await app.facts();
    assert.deepEqual([complaints, preloadErrors], [[], []]);
    void app.command("quit").catch(() => {});
    assert.equal(await app.exited, 0);
  },
);

/** Runs in the page: returns the texts whose contrast with their background is below WCAG's 4.5. */
function faint() {
  const context = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d", { willReadFrequently: true }));
  /** @param {string[]} layers from the back to the front */
  const mixed = (...layers) => {
    context.clearRect(0, 0, 1, 1);
    for (const layer of layers) {
      context.fillStyle = layer;
      context.fillRect(0, 0, 1, 1);
    }
    const [red = 0, green = 0, blue = 0] = [...context.getImageData(0, 0, 1, 1).data].map((value) =>
      value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const found = [];
  for (const one of Array.from(document.querySelectorAll("body *"))) {
    const own = Array.from(one.childNodes).some((node) => node.nodeType === 3 && node.textContent?.trim());
    if (!own || one.closest("[aria-disabled=true], .visually-hidden, .skip, [hidden], dialog") || one.getClientRects().length === 0)
      continue;
    /** @type {string[]} */
    const behind = [];
    for (let up = /** @type {Element | null} */ (one); up; up = up.parentElement)
      behind.unshift(window.getComputedStyle(up).backgroundColor);
    const [text, back] = [mixed("white", ...behind, window.getComputedStyle(one).color), mixed("white", ...behind)];
    const contrast = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
    if (contrast < 4.5) found.push(`${contrast.toFixed(1)} ${one.tagName} ${one.textContent?.trim().slice(0, 40)}`);
  }
  return found;
}
