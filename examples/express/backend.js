const express = require("express");

const app = express();
app.use((request, response, next) => {
  // A page that was loaded from a file has the origin file:// or null.
  if (["file://", "null"].includes(request.get("Origin") ?? "")) response.set("Access-Control-Allow-Origin", request.get("Origin"));
  next();
});
app.get("/health", (_request, response) => response.json({ status: "healthy" }));
app.get("/hello", (_request, response) => response.json({ hello: "Express" }));
const server = app.listen(Number(process.env.PORT), "127.0.0.1");
// A stop is SIGTERM; on Windows Ctrl+C, which Node calls SIGINT. Electron's Node has no console there, and watches stdin.
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => server.close());
if (process.versions.electron) process.stdin.on("end", () => server.close()).resume();
