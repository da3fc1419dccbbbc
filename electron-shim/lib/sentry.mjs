import sentryObserver from "./sentry.js";

export const { sentry } = sentryObserver;
