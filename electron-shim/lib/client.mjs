import client from "./client.js";

export const { connect, Sidecar, SidecarError } = client;
