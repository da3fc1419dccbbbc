// Read by tsc --strict alone: every line must have the type that it says, and every @ts-expect-error must be one.
import { connect, SidecarError, type Crash, type Json, type Status } from "../../types/index";
import type { AttachOptions, BackendCrash } from "../../types/main";
import { createBackendApi, type ElectronApi } from "../../types/preload";
import { attachSidecar } from "../../types/main";
import type {} from "../../types/window";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(..._proof: Equal<A, B> extends true ? [] : [never]): void {}

declare module "../../types/protocol" {
  interface BackendBodies {
    version: { semanticVersion: string };
    providerStatus: { onlineProvidersCount: number };
  }
}

export async function page(): Promise<void> {
  const { backend, runtime } = window.electron;
  const status = await backend.status();
  same<typeof status, Status>();
  same<typeof status.lastExit, { code: number | null; signal: number | null; text: string; time: string; expected: boolean } | null>();
  const port: number | null = status.port;
  const health = await backend.health();
  if (health.status === "unhealthy") console.log(health.error?.toUpperCase(), port);
  const version = await backend.version();
  same<typeof version, { semanticVersion: string }>();
  const info = await backend.info();
  same<typeof info, Json>();
  const lines = await backend.logs({ lines: 10, stream: "stderr" });
  console.log(lines.map((line) => line.text.length));
  await backend.waitForReady({ timeout: 5 });
  await backend.waitForReady();
  const off: () => void = backend.onStateChanged((change) => {
    if (change.state === "RUNNING") console.log(change.url);
  });
  off();
  backend.onProviderUpdate((body) => console.log(body.onlineProvidersCount + 1));
  backend.onCrash((crash) => same<typeof crash, Crash>());
  const error = await backend.lastError();
  if (error) console.log(error.code, error.hint);
  console.log((await runtime.refresh()).backend.ready, runtime.getCachedDiagnostics().os.platform);
  const url: string | null = window.desktopBridge.getBackendBaseUrl() ?? window.desktopBridge.backend.getUrl();
  const ping = await window.electron.invoke("backend:ping");
  console.log(url, ping.responseTime);
  window.electron.on("backend:healthUpdate", (payload) => payload.status);

  // @ts-expect-error restart takes no arguments
  await backend.restart(1);
  // @ts-expect-error a state that there is not
  if (status.state === "SLEEPING") return;
  // @ts-expect-error the sidecar's own channels are no page's business
  await window.electron.invoke("sidecar:shutdown");
  // @ts-expect-error no such event
  window.electron.on("backend:nothing", () => {});
  // @ts-expect-error lines is a number
  await backend.logs({ lines: "ten" });
  // @ts-expect-error the address may be missing
  backend.getUrl().then((address) => address.length);
}

export async function node(): Promise<void> {
  const sidecar = await connect({ command: ["sidecar"], settings: { backend: { command: ["x"], port: "auto" }, timeouts: { startup: 5 } } });
  const started = await sidecar.invoke("backend:start");
  same<typeof started, { success: boolean; url: string; port: number; pid: number | null }>();
  const call = await sidecar.call("backend:logs", [{ lines: 1 }], { timeout: 1000, signal: AbortSignal.timeout(5) });
  console.log(call[0]?.text, sidecar.hello?.protocol);
  const off = sidecar.on("backend:crash", (crash) => crash.nextStartIn);
  sidecar.on("sidecar:failed", (error) => error instanceof SidecarError && error.hint);
  off();
  const { code } = await sidecar.close();
  console.log(code);
  // @ts-expect-error no such setting
  await connect({ command: ["sidecar"], settings: { backend: { colour: "red" } } });
  // @ts-expect-error suspend or resume
  await sidecar.invoke("sidecar:power", "sleep");
}

export function compose(ipcRenderer: Parameters<typeof createBackendApi>[0]): ElectronApi {
  const { desktopBridge, ...electron } = createBackendApi(ipcRenderer);
  console.log(desktopBridge.environment.version);
  return electron;
}

export async function main(electron: AttachOptions): Promise<void> {
  const attached = await attachSidecar({ ...electron, backend: { executable: "a" }, onFatal: (report) => console.log(report.remedy) });
  console.log(attached.bootstrap().backend.baseUrl, (await attached.sidecar.invoke("backend:status")).uptime);
}

export function failed({ message, cause, remedy, logs }: BackendCrash): Array<string | null> {
  return [message, cause, remedy, logs];
}
