// The page's own texts in English and Chinese: one table, texts.json, that the document's template reads too.
import { remember, remembered } from "./dom.js";

const LANGUAGES = ["en", "zh"];
let table = {};
let language = 0;

export function setTexts(texts) {
  table = texts;
  const wanted = remembered("language") || (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
  language = Math.max(0, LANGUAGES.indexOf(wanted));
  translateDocument();
}

export function currentLanguage() {
  return LANGUAGES[language];
}

export function switchLanguage() {
  language = 1 - language;
  remember("language", LANGUAGES[language]);
  translateDocument();
}

// The text of a key; {0}, {1}, ... are replaced by the arguments. Text that has no key is returned as it is.
export function t(key, ...values) {
  const text = Object.hasOwn(table, key) ? table[key][language] : key;
  return text.replace(/\{(\d)\}/g, (_, number) => String(values[Number(number)]));
}

export function kindLabel(kind) {
  return t(`kind.${kind}`);
}

function translateDocument() {
  document.documentElement.lang = language ? "zh-Hans" : "en";
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", t(node.dataset.tLabel));
  for (const node of document.querySelectorAll("[data-t-hint]")) node.setAttribute("placeholder", t(node.dataset.tHint));
}
