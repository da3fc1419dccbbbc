// As Express' own "hello world" has it, but for the port.
"use strict";
const express = require("express");

const app = express();
app.get("/", (_request, response) => response.send("ok"));
app.listen(process.env.PORT ?? 3000);
