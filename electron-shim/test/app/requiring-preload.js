"use strict";

require("electron-backend-sidecar/preload");
