// axe-core finds no violation on the dashboard's page, in the states that a user sees and in both themes.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const axe = require("axe-core");
const { noBrowser, openPage, post, startBrowser, startDashboard } = require("./support/dashboard.js");
const { httpBackend } = require("./support/sidecar.js");

const skip = noBrowser;

/** @param {import("playwright-core").Page} page @param {string} state */
async function check(page, state) {
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" }); // a colour in transition has no defined contrast
    const { passes, violations } = await page.evaluate(() => /** @type {any} */ (globalThis).axe.run());
    const found = violations.map(
      (/** @type {import("axe-core").Result} */ one) => `${one.id}: ${one.nodes.map((node) => node.html).join(" ")}`,
    );
    assert.deepEqual(found, [], `${state}, ${colorScheme}`);
    assert.ok(passes.length > 10, `axe looked at the page: ${passes.length} rules`);
  }
}

test("axe-core finds no violation in any state of the page", { skip }, async (t) => {
  const dashboard = await startDashboard(t, {
    backend: httpBackend("--say", "\x1b[31mred\x1b[0m words"),
    words: ["--set", "restart.attempts=0"],
  });
  const browser = await startBrowser(t);
  const { page, shows, text } = await openPage(browser, dashboard.address());
  await page.evaluate(axe.source);
  await shows("state", "Running");
  await shows("log", "red words");
  await shows("memory-now", "MiB");
  await check(page, "running");

  await page.click("#diagnose");
  await shows("checks-summary", /^\d+ checks/);
  await check(page, "diagnosed");

  await page.click("#stop");
  await shows("state", "Stopped");
  await check(page, "stopped");

  await page.click("#start");
  await shows("state", "Running");
  await post(`${await text("address")}/trouble/crash?kind=exception`);
  await shows("state", "Failed");
  await shows("banners", "It will not restart automatically");
  await check(page, "failed");

  await page.locator("#crashes button").first().click();
  await shows("report-text", "What happened");
  await check(page, "a crash report");

  const other = await openPage(browser, new URL(dashboard.address()).origin);
  await other.page.evaluate(axe.source);
  await other.shows("locked", "The link has no token");
  await check(other.page, "locked");
});
