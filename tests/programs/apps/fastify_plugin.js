// For `fastify start`.
"use strict";
module.exports = async (fastify, _options) => fastify.get("/", async () => "ok");
