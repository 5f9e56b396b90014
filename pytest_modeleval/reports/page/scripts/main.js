// Opens the page: views by address, keys, language, theme.
import { BenchmarksView } from "./benchmarks_view.js";
import { byId, button, el, remember, remembered, replace, whole } from "./dom.js";
import { translateGates } from "./gate_text.js";
import { onPrint } from "./printing.js";
import { RunData } from "./run_data.js";
import { parametersOf, SamplesView } from "./samples_view.js";
import { openSource } from "./source.js";
import { currentLanguage, setTexts, switchLanguage, t } from "./texts.js";

const VIEWS = ["overview", "benchmarks", "samples"];
const THEMES = ["auto", "light", "dark"];

function openPage() {
  const source = openSource();
  setTexts(source.meta.texts);
  document.documentElement.classList.add("scripted");
  const data = new RunData(source);
  const samples = new SamplesView(data);
  const benchmarks = new BenchmarksView(data);
  const page = { data, samples, benchmarks, view: "" };
  setTheme(remembered("theme") || "auto");
  for (const button of document.querySelectorAll("[data-theme-switch]")) button.addEventListener("click", () => nextTheme(page));
  for (const button of document.querySelectorAll("[data-language-switch]")) button.addEventListener("click", () => translate(page));
  for (const button of document.querySelectorAll("[data-help]")) button.addEventListener("click", () => byId("help").showModal());
  byId("help-close").addEventListener("click", () => byId("help").close());
  // It is sent for a new fragment too.
  window.addEventListener("popstate", () => showAddress(page));
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw(page));
  document.addEventListener("keydown", (event) => pressed(page, event));
  onPrint((isPrinted) => {
    samples.list.print(isPrinted);
    redraw(page);
  });
  labelLanguage();
  translateGates(data.summary.gates || []);
  showAddress(page);
  load(page).catch(showProblem);
  return page;
}

async function load(page) {
  const { data, samples } = page;
  await data.loadIndex();
  page.drawnCount = data.count;
  await samples.refresh();
  page.view = "";
  await showAddress(page);
  // Changes are followed while the first chunks are still being read.
  data.source.onChange(() => grow(page).catch(showProblem));
  page.isGrowing = true;
  await readChunks(page);
}

// Read the chunks that are missing; the index first where it has changed meanwhile.
async function readChunks(page) {
  const { data, samples } = page;
  try {
    do {
      if (page.isStale) await takeIndex(page);
      await data.loadChunks(() => {
        samples.loaded();
        return page.isStale;
      });
      await samples.loaded();
    } while (page.isStale);
  } finally {
    page.isGrowing = false;
  }
}

async function takeIndex(page) {
  page.isStale = false;
  await page.data.loadIndex();
  await page.samples.grown();
  sayOld(page);
  redraw(page);
}

// A run under way has new samples: the list grows, and an open sample stays as it is. One reading at a time; samples
// that come meanwhile lead to one more.
async function grow(page) {
  page.isStale = true;
  if (page.isGrowing) return;
  page.isGrowing = true;
  await readChunks(page);
}

// The overview is made by the server: it has the figures of the moment at which the page was opened.
function sayOld(page) {
  if (page.data.count <= page.drawnCount) return;
  const more = whole(page.data.count - page.drawnCount);
  page.oldNote ||= document.querySelector(".v-overview").insertBefore(el("p", { class: "old-note" }), document.querySelector(".v-overview").firstChild);
  replace(page.oldNote, t("overview.old", more), " ", button(t("overview.reload"), () => location.reload()));
}

function showProblem(error) {
  replace(byId("problem"), el("p", { class: "problem" }, `${t("problem")} ${error.message}`));
}

async function showAddress(page) {
  const address = location.hash || "#overview";
  const name = address.slice(1).split("?")[0];
  const view = VIEWS.includes(name) ? name : "overview";
  if (view !== page.view) {
    page.view = view;
    document.documentElement.dataset.view = view;
    for (const link of document.querySelectorAll("nav [data-view]")) {
      if (link.dataset.view === view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (view === name) window.scrollTo(0, 0);
    if (view === "benchmarks") page.benchmarks.draw();
  }
  if (view === "samples") await page.samples.show(parametersOf(address));
}

function translate(page) {
  switchLanguage();
  labelLanguage();
  translateGates(page.data.summary.gates || []);
  page.samples.refresh();
  redraw(page);
}

// Charts have their texts and colours from when they were drawn.
function redraw(page) {
  if (page.view === "benchmarks") page.benchmarks.draw();
}

function labelLanguage() {
  for (const button of document.querySelectorAll("[data-language-switch]")) {
    button.textContent = currentLanguage() === "en" ? "中文" : "English";
    button.lang = currentLanguage() === "en" ? "zh" : "en";
  }
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-theme-switch]")) button.textContent = { auto: "◐", light: "☀", dark: "☾" }[theme];
}

function nextTheme(page) {
  const now = document.documentElement.dataset.theme;
  const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
  remember("theme", next);
  setTheme(next);
  redraw(page);
}

const KEYS = {
  j: ({ samples }) => samples.step(1),
  k: ({ samples }) => samples.step(-1),
  r: ({ samples }) => samples.toggleRaw(),
  Escape: ({ samples }) => samples.open && samples.close(),
};

function pressed(page, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (isTyping) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "?") byId("help").showModal();
  else if (event.key === "/") enterSamples(page, byId("search"));
  else if (event.key === "f") enterSamples(page, byId("kind-filter").querySelector("button:not([disabled])"));
  else if (page.view === "samples" && KEYS[event.key]) KEYS[event.key](page);
  else return;
  event.preventDefault();
}

async function enterSamples(page, field) {
  if (page.view !== "samples") {
    history.pushState(null, "", "#samples?");
    await showAddress(page);
  }
  (field?.isConnected ? field : byId("search")).focus();
}

openPage();
