// The main process of an app under test. Its options come from the test; otherwise it is what a reader of the guide
// would write. The test drives it through the IPC channel that Node gives to a forked child.
"use strict";

const path = require("node:path");
const { pathToFileURL } = require("node:url");
const electron = /** @type {any} */ (require("electron"));
const { attachSidecar } = require("electron-backend-sidecar/main");
const { say } = require("./say.js");

const real = electron.emulatedBrowser ? null : require("./real.js").adapt(electron);
const { app, ipcMain, BrowserWindow, WebContentsView, dialog, powerMonitor, autoUpdater } = electron;
const order = JSON.parse(process.env.APP_ORDER ?? "{}");
/** @type {any[]} */
const emitted = [];
// Recorded without a listener, because an app that listens to "backend-crash" gets no error box.
const emit = app.emit;
app.emit = (/** @type {string} */ name, /** @type {any[]} */ ...args) => {
  if (["backend-crash", "sidecar-restarted", "before-quit", "quit"].includes(name)) {
    const payload = name.includes("quit") ? null : args[0];
    emitted.push({ name, payload });
    say(`EMITTED ${name} ${JSON.stringify(payload)}`); // the test may ask when the app is gone
  }
  return emit.call(app, name, ...args);
};
if (order.listensToCrash) app.on("backend-crash", () => {});
app.on("window-all-closed", () => order.quitWithWindows !== false && app.quit());
const preventIt = (/** @type {any} */ event) => event.preventDefault();
/** @type {any[]} */
const fatal = [];
/** @type {any} */
let attached = null;
/** @type {string | null} */
let attachError = null;
/** @type {string | null} the error of a second handler of a page's channel, right after the call of attachSidecar */
let atOnce = null;

async function makeWindow(preload = order.preload ?? "standalone") {
  const standalone = path.join(__dirname, "..", "..", "preload.standalone.js");
  const file = preload === "standalone" ? standalone : path.join(__dirname, preload);
  const sandbox = preload !== "preload.js";
  const { additionalArguments = [] } = order;
  const window = new BrowserWindow({
    show: false,
    webPreferences: { preload: file, sandbox, contextIsolation: true, additionalArguments },
  });
  await window.loadFile(path.join(__dirname, "index.html"));
}

/** @type {(button: number) => void} */
let answerHeld = () => {};
/** @type {any[]} pages in no list of windows */
const views = [];

/** @type {Record<string, (...args: any[]) => any>} */
const commands = {
  facts: () => ({
    emitted,
    fatal,
    attachError,
    atOnce,
    dialogs: dialog.shown,
    sidecarPid: attached?.sidecar.hello?.pid ?? null,
    bootstrap: attached?.bootstrap() ?? null,
    preloadErrors: BrowserWindow.getAllWindows().flatMap((/** @type {any} */ one) => one.webContents.preloadErrors),
    console: BrowserWindow.getAllWindows().flatMap((/** @type {any} */ one) => one.webContents.console),
  }),
  page: (code, index = 0) => BrowserWindow.getAllWindows()[index].webContents.executeJavaScript(code),
  makeWindow,
  openDashboard: () => require("../../example/dashboard.js").openDashboard(),
  goto: (url, index = 0) => BrowserWindow.getAllWindows()[index].loadURL(url),
  reload: async (index = 0) => {
    const { webContents } = BrowserWindow.getAllWindows()[index];
    const loaded = real ? new Promise((resolve) => webContents.once("did-finish-load", resolve)) : null;
    await webContents.reload();
    await loaded;
  },
  closeWindow: (index = 0) => BrowserWindow.getAllWindows()[index].close(),
  makeView: async (type, url = pathToFileURL(path.join(__dirname, "index.html")).href) => {
    const preload = path.join(__dirname, "..", "..", "preload.standalone.js");
    const view = new WebContentsView({ webPreferences: { preload, sandbox: true, contextIsolation: true, type } });
    views.push(view);
    await (real ? view.webContents.loadURL(url) : view.loadURL(url));
  },
  view: (code, index = 0) => views[index].webContents.executeJavaScript(code),
  answerDialog: (button) => dialog.answers.push(button),
  holdDialog: () => dialog.answers.push(new Promise((resolve) => (answerHeld = resolve))),
  answerHeldDialog: (button) => answerHeld(button),
  call: (channel, ...args) => attached.sidecar.invoke(channel, ...args),
  evaluate: (code) => new Function("sidecar", "attached", "ipcMain", "app", `return ${code}`)(attached?.sidecar, attached, ipcMain, app),
  callError: (channel, ...args) =>
    attached.sidecar.invoke(channel, ...args).then(
      () => null,
      (/** @type {any} */ error) => ({ code: error.code, message: error.message, hint: error.hint }),
    ),
  emit: (target, name) => void electron[target].emit(name, {}),
  emitOnWindow: (name) => void BrowserWindow.getAllWindows()[0].emit(name, { defaultPrevented: false, preventDefault() {} }),
  windowMessage: (message, wParam) => void BrowserWindow.getAllWindows()[0].hooks.get(message)(Buffer.from([wParam]), Buffer.alloc(1)),
  refuseClose: (refuse) => {
    const [window] = BrowserWindow.getAllWindows();
    if (refuse) window.on("close", preventIt);
    else window.removeListener("close", preventIt);
  },
  attachAgain: (more) =>
    attachSidecar({ app, ipcMain, BrowserWindow, dialog, ...order.options, ...more }).then(
      (/** @type {any} */ again) => {
        const same = again === attached;
        attached = again;
        return same;
      },
      (/** @type {any} */ error) => error.message,
    ),
  detach: () => attached.detach(),
  /** Prevents the quit that goes through, not the one that the shim delays. */
  preventLater: (name) => {
    let times = name === "before-quit" ? 2 : 1;
    app.on(name, (/** @type {any} */ event) => --times === 0 && event.preventDefault());
  },
  serve: async (url, html) => {
    if (real) return real.serve(url, html);
    const browser = await electron.emulatedBrowser();
    await browser.route(`${url}**`, (/** @type {any} */ route) => route.fulfill({ contentType: "text/html", body: html }));
  },
  quit: () => void app.quit(),
  exit: () => void app.exit(0),
};
process.on("message", async (/** @type {any} */ { id, name, args }) => {
  try {
    process.send?.({ id, result: (await commands[name]?.(...args)) ?? null });
  } catch (error) {
    process.send?.({ id, error: String(error) });
  }
});

const attach = () =>
  attachSidecar({
    app,
    ipcMain,
    BrowserWindow,
    ...(order.noDialog ? {} : { dialog }),
    powerMonitor,
    autoUpdater,
    ...order.options,
    ...(order.ownFatal ? { onFatal: (/** @type {any} */ report) => fatal.push(report) } : {}),
  });
if (order.leftOver === "on") ipcMain.on("runtime:getBootstrap", (/** @type {any} */ event) => (event.returnValue = null));
if (order.leftOver) ipcMain.handle(order.leftOver === "on" ? "own:channel" : order.leftOver, () => null);
/** Attaches before the app is ready, if the test asks for it. */
const early = order.early ? attach() : null;

app.whenReady().then(async () => {
  if (order.holdDialog) dialog.answers.push(new Promise(() => {})); // it stays open, so the app stays
  if (order.example || order.main) {
    require(order.main ?? "../../example/main.js");
    app.once("browser-window-created", () => process.send?.({ ready: true }));
    return;
  }
  if (order.windowFirst) void makeWindow().then(() => process.send?.({ ready: true }));
  try {
    const attaching = early ?? attach();
    try {
      ipcMain.handle("backend:status", () => null);
    } catch (error) {
      atOnce = String(error);
    }
    attached = await attaching;
  } catch (error) {
    attachError = String(error);
  }
  if (attached && !order.windowFirst && !order.noWindow) await makeWindow();
  if (!order.windowFirst) process.send?.({ ready: true });
});
