// The HTTP API (docs/api.md): what it answers, or why it does not.

const PATIENCE_MS = 10_000;

export class Refusal extends Error {
  // status: 0 where no answer came. value: what was answered, if it was JSON.
  constructor(status, message, value = null) {
    super(message);
    Object.assign(this, { status, value });
  }
}

// How much later it is at the host than here, seconds; a second is all that the Date field tells.
export const clock = { skew: 0, now: () => Date.now() / 1000 + clock.skew };

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, { ...options, signal: AbortSignal.timeout(PATIENCE_MS), credentials: "same-origin" });
  } catch (error) {
    throw new Refusal(0, error.name === "TimeoutError" ? "no answer in time" : "no answer");
  }
  const date = Date.parse(response.headers.get("date") ?? "");
  if (date) {
    const skew = date / 1000 + 0.5 - Date.now() / 1000;
    clock.skew = Math.abs(skew) < 2 ? 0 : skew;
  }
  const value = await response.json().catch(() => null);
  if (response.ok && value !== null) return value;
  const error = value?.errors?.[0] ?? {};
  throw new Refusal(response.status, [error.message ?? response.statusText, error.description].filter(Boolean).join(": "), value);
}

export const get = (path, query = {}) => {
  const parameters = new URLSearchParams(query).toString();
  return ask(parameters ? `${path}?${parameters}` : path, {});
};

export const patch = (path, value) =>
  ask(path, { method: "PATCH", body: JSON.stringify(value), headers: { "Content-Type": "application/json" } });
