// Numbers and times as people read them.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });

/** @param {number} count */
export function bytes(count) {
  const power = count < 1 ? 0 : Math.min(Math.floor(Math.log2(count) / 10), UNITS.length - 1);
  const value = count / 1024 ** power;
  return `${value.toFixed(value >= 100 || value % 1 === 0 ? 0 : 1)} ${UNITS[power]}`;
}

/** @param {number} value in % of one core */
export const percent = (value) => `${value.toFixed(value < 10 && value % 1 !== 0 ? 1 : 0)} %`;

/** @param {number} seconds */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (seconds < 1) return `${Math.max(0, Math.round(seconds * 1000))} ms`;
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return pair(Math.floor(whole / 60), "min", whole % 60, "s");
  if (whole < 86_400) return pair(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  return pair(Math.floor(whole / 86_400), "d", Math.floor((whole % 86_400) / 3600), "h");
}

/** @param {number} large @param {string} unit @param {number} small @param {string} smallUnit */
function pair(large, unit, small, smallUnit) {
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smallUnit}`;
}

/** @param {string} iso */
export const time = (iso) => clock.format(new Date(iso));

/** @param {string} iso shown with the day, unless that is today */
export function moment(iso) {
  const date = new Date(iso);
  const today = date.toDateString() === new Date().toDateString();
  return today ? clock.format(date) : `${day.format(date)}, ${clock.format(date)}`;
}

/** @param {string} iso shown with milliseconds */
export function fineTime(iso) {
  const date = new Date(iso);
  return `${clock.format(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** @param {string} iso returned in seconds since the epoch */
export const epoch = (iso) => new Date(iso).getTime() / 1000;

/** @param {string} name such as `RUNNING` or `startup_timeout` */
export const words = (name) => sentence(name.toLowerCase().replaceAll("_", " "));

/** @param {string} text */
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
