import { byId } from "./dom.js";
import { forget } from "./span.js";
import { openTransport } from "./transport/index.js";
import { Banners, showLink } from "./views/banners.js";
import { ChartsView } from "./views/charts.js";
import { CrashesView } from "./views/crashes.js";
import { DoctorView } from "./views/doctor.js";
import { LogsView } from "./views/logs.js";
import { ProvidersView } from "./views/providers.js";
import { StateView } from "./views/state.js";
import { Theme } from "./views/theme.js";
import { TimelineView } from "./views/timeline.js";

const transport = openTransport();
const banners = new Banners();
const charts = new ChartsView(transport);
const views = [
  new TimelineView(transport),
  new StateView(transport, banners),
  charts,
  new LogsView(transport),
  new ProvidersView(transport),
  new CrashesView(transport),
];
new DoctorView(transport);
new Theme(() => charts.recolour());

transport.onLink((link) => {
  showLink(link, banners);
  if (link.kind !== "connected") return;
  forget();
  for (const view of views) void view.connected();
  transport.call("runtime:getBootstrap").then(
    ({ paths }) => (byId("folder").textContent = paths.logs),
    () => {},
  );
});
transport.open();
