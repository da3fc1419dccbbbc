// A preload script, used as it is or bundled into another one; it exports nothing.
export {};
