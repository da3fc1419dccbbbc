// The page: a button for every call, the state, and what happens. It knows nothing of sidecars.
"use strict";

const { backend } = window.electron;
/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

/** @param {unknown} value */
function showAnswer(value) {
  byId("answer").textContent = typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

for (const [name, call] of Object.entries(backend)) {
  if (name.startsWith("on") || name === "lastError") continue;
  const button = document.createElement("button");
  button.textContent = name;
  button.addEventListener("click", async () => {
    showAnswer(`${name} …`);
    try {
      showAnswer((await /** @type {any} */ (call)()) ?? "null");
    } catch (error) {
      showAnswer({ failed: String(error), ...(await backend.lastError()) });
    }
  });
  byId("calls").append(button);
}

/** @param {string} name @param {unknown} payload */
function note(name, payload) {
  const item = document.createElement("li");
  item.textContent = `${new Date().toLocaleTimeString()} ${name} ${JSON.stringify(payload)}`;
  byId("events").prepend(item);
  while (byId("events").children.length > 200) byId("events").lastElementChild.remove();
}

async function showStatus() {
  const { state, health, url } = await backend.status();
  byId("state").value = state;
  byId("health").value = health;
  byId("address").value = url ?? "no address";
}

backend.onStateChanged((change) => {
  note("state", change);
  void showStatus();
});
backend.onHealthUpdate((update) => {
  note("health", update);
  void showStatus();
});
backend.onStartupProgress((progress) => note("progress", progress));
backend.onCrash((crash) => note("crash", crash));
backend.onExposed((exposed) => note("exposed", exposed));
backend.onLog((line) => note(line.stream, line.text));
void showStatus();
