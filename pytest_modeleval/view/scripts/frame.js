// What the list and the comparison share: reading from the server, mistakes, theme and language.
import { byId, el, remember, remembered, replace } from "./dom.js";
import { shortText } from "./safe_text.js";
import { currentLanguage, setTexts, switchLanguage } from "./texts.js";

const THEMES = ["auto", "light", "dark"];

export async function read(path) {
  const answer = await fetch(path, { credentials: "same-origin" });
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(found.error || `${path}: ${answer.status}`), { status: answer.status });
  return found;
}

export function report(error) {
  replace(byId("problem"), el("p", { class: "problem" }, shortText(String(error.message), 500)));
}

// Texts, theme and language; `redraw` after each change of them.
export async function openPage(redraw) {
  setTexts(await read("/assets/texts.json"));
  const setTheme = (theme) => {
    document.documentElement.dataset.theme = theme;
    for (const node of document.querySelectorAll("[data-theme-switch]")) node.textContent = { auto: "◐", light: "☀", dark: "☾" }[theme];
  };
  const label = () => {
    for (const node of document.querySelectorAll("[data-language-switch]")) node.textContent = currentLanguage() === "en" ? "中文" : "English";
  };
  for (const node of document.querySelectorAll("[data-theme-switch]"))
    node.addEventListener("click", () => {
      const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
      remember("theme", next);
      setTheme(next);
      redraw();
    });
  for (const node of document.querySelectorAll("[data-language-switch]"))
    node.addEventListener("click", () => {
      switchLanguage();
      label();
      redraw();
    });
  setTheme(remembered("theme") || "auto");
  label();
}
