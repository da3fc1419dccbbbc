// What the dashboard's page finds in its window: `uPlot` by its own types, and the shim's objects in an Electron window.
/// <reference path="../node_modules/uplot/dist/uPlot.d.ts" />

interface Window {
  electron?: import("../types/preload").ElectronApi;
}
