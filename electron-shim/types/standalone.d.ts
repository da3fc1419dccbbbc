// A program, to be named as a preload or bundled into one: it exports nothing.
export {};
