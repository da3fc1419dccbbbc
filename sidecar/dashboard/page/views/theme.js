import { byId, setText } from "../dom.js";

const STORED = "sidecar.dashboard.theme";
const MEDIA = /** @type {Record<string, string>} */ ({ system: "(prefers-color-scheme: dark)", dark: "all", light: "not all" });
const NEXT = /** @type {Record<string, string>} */ ({ system: "dark", dark: "light", light: "system" });

/** Applies the dark style sheet when the system is dark, always, or never; the button cycles through these. */
export class Theme {
  /** @param {() => void} onChange called when the colours change */
  constructor(onChange) {
    this.onChange = onChange;
    this.name = "system";
    try {
      this.name = localStorage.getItem(STORED) ?? "system";
    } catch {
      // a browser that stores nothing
    }
    this.show();
    byId("theme").addEventListener("click", () => {
      this.name = NEXT[this.name] ?? "system";
      try {
        localStorage.setItem(STORED, this.name);
      } catch {
        // as above
      }
      this.show();
    });
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", onChange);
  }

  show() {
    if (!(this.name in MEDIA)) this.name = "system";
    byId("dark").media = MEDIA[this.name];
    document.documentElement.style.colorScheme = this.name === "system" ? "" : this.name;
    setText(byId("theme"), `Theme: ${this.name}`);
    this.onChange();
  }
}
