// Exchanges the one-time token in the address for a key, which this browser keeps for reloads and other tabs.

const STORED = "sidecar.dashboard.key";

/** @type {string | null} */
let inMemory = null;

function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return inMemory; // a browser that stores nothing: a reload then needs a new address
  }
}

/** @param {string} key */
function store(key) {
  inMemory = key;
  try {
    localStorage.setItem(STORED, key);
  } catch {
    // as above
  }
}

/** Returns the token and removes it from the address, so that a used token is not copied. */
function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token !== null) history.replaceState(null, "", location.pathname);
  return token;
}

/**
 * @param {string} secret
 * @param {"GET" | "POST"} method
 */
const ask = (secret, method) => fetch("/session", { method, headers: { Authorization: `Bearer ${secret}` } });

/**
 * Returns a key that the dashboard knows, or the reason why there is none.
 *
 * @returns {Promise<{key: string} | {used: boolean}>}
 * @throws {TypeError} when nothing answers
 */
export async function enter() {
  const token = takeToken();
  let used = false;
  if (token !== null) {
    const answer = await ask(token, "POST");
    const body = await answer.json();
    if (answer.ok) {
      store(body.key);
      return { key: body.key };
    }
    used = body.used === true;
  }
  const key = stored();
  if (key !== null && (await ask(key, "GET")).ok) return { key };
  return { used };
}
