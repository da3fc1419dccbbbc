// Electron itself is not a dependency of this package: apps bring theirs. The tests and the example use it untyped.
declare module "electron";
