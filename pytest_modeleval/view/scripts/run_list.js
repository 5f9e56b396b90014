// The list of runs: one row for each benchmark of a run; search, sort, choice of runs to compare, runs under way.
import { append, button, byId, el, replace, whole } from "./dom.js";
import { openPage, read, report } from "./frame.js";
import { onPrint } from "./printing.js";
import { shortText } from "./safe_text.js";
import { t } from "./texts.js";
import { drawTrend, seriesOf } from "./trend.js";

const STEP = 300;
const TYPING_MS = 120;
// Between two readings of the list while runs are still being read.
const PENDING_MS = 300;

// name: [is a number, value to sort by]
const COLUMNS = {
  name: [false, (row) => row.run.name],
  model: [false, (row) => row.run.model || ""],
  benchmark: [false, (row) => benchmarkName(row.found)],
  score: [true, (row) => row.found?.score],
  interval: [true, (row) => row.found?.low],
  change: [true, (row) => row.found?.change?.score],
  items: [true, (row) => row.found?.items],
  gates: [false, (row) => (row.run.gates || []).map((gate) => gate.verdict).sort().join()],
  started: [false, (row) => row.run.started || ""],
};

class RunListView {
  constructor() {
    this.runs = [];
    this.chosen = new Set();
    this.shown = STEP;
    this.search = el("input", { type: "search", id: "run-search", autocomplete: "off", spellcheck: "false", on: { input: () => this.typed() } });
    this.compare = button("", () => location.assign(this.compareAddress()), { id: "compare-runs" });
    this.trend = el("div", { id: "trend" });
    this.table = el("div", { class: "wide", id: "runs", tabindex: "0", role: "group" });
    this.note = el("p", { class: "quiet", role: "status" });
    replace(byId("content"), el("div", { class: "toolbar", role: "search" }, this.search, this.compare), this.trend, this.note, this.table);
    this.readAddress();
    window.addEventListener("popstate", () => {
      this.readAddress();
      this.draw();
    });
  }

  readAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    this.search.value = given.get("q") || "";
    this.sort = given.get("sort") || "-started";
    this.trendOf = given.get("trend") || "";
  }

  writeAddress() {
    const now = { q: this.search.value, sort: this.sort, trend: this.trendOf };
    history.replaceState(null, "", `#${new URLSearchParams(Object.entries(now).filter(([, value]) => value))}`);
    this.draw();
  }

  typed() {
    clearTimeout(this.typing);
    this.shown = STEP;
    this.typing = setTimeout(() => this.writeAddress(), TYPING_MS);
  }

  sortBy(column) {
    const isNumber = COLUMNS[column][0] || column === "started";
    const [first, second] = isNumber ? [`-${column}`, column] : [column, `-${column}`];
    this.sort = this.sort === first ? second : first;
    this.writeAddress();
  }

  // One reading at a time; what changes meanwhile leads to one more.
  async update() {
    if (this.isReading) {
      this.isStale = true;
      return;
    }
    this.isReading = true;
    try {
      do {
        this.isStale = false;
        this.take(await read("/api/runs"));
        if (this.pending) await new Promise((resolve) => setTimeout(resolve, PENDING_MS));
      } while (this.isStale || this.pending);
    } finally {
      this.isReading = false;
    }
  }

  take({ root, runs, count, pending, cut }) {
    this.root = root;
    this.count = count;
    this.runs = runs;
    this.pending = pending;
    this.isCut = cut;
    this.draw();
  }

  rows() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = this.runs.flatMap((run) => (run.benchmarks.length ? run.benchmarks : [null]).map((found) => ({ run, found })));
    const kept = rows.filter(({ run, found }) => {
      const text = `${run.model || ""} ${benchmarkName(found)} ${run.name} ${run.started || ""}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    return sorted(kept, this.sort);
  }

  draw() {
    byId("title").textContent = t("runs.title");
    document.title = t("runs.title");
    this.search.placeholder = t("runs.search");
    this.search.setAttribute("aria-label", t("runs.search"));
    replace(byId("sub"), t("runs.below", whole(this.count || 0), shortText(this.root || "", 200)));
    const rows = this.rows();
    replace(this.note, [this.pending && t("runs.pending", whole(this.pending)), this.isCut && t("runs.cut"), !rows.length && !this.pending && t("runs.none")].filter(Boolean).join(" "));
    this.drawCompare();
    this.series = seriesOf(this.runs);
    this.drawTrend();
    const focused = document.activeElement?.dataset?.focus;
    const body = rows.slice(0, this.shown).map((row) => this.row(row));
    replace(this.table, el("table", { class: "runs" }, this.head(), el("tbody", {}, body)));
    if (rows.length > this.shown) append(this.table, button(t("runs.more", whole(rows.length - this.shown)), () => this.more()));
    if (focused) this.table.querySelector(`[data-focus="${focused}"]`)?.focus();
  }

  more() {
    this.shown += 10 * STEP;
    this.draw();
  }

  // The earliest run is the first side.
  compareAddress() {
    const chosen = this.runs.filter((run) => this.chosen.has(run.key)).sort((a, b) => (a.started < b.started ? -1 : 1));
    return `/compare?${chosen.map((run) => `run=${run.key}`).join("&")}`;
  }

  // The chart of one figure over the runs of a model; drawn anew only where its points changed.
  drawTrend() {
    const points = this.series.get(this.trendOf) || [];
    const state = JSON.stringify([points.map(({ run, found }) => [run.key, found.score]), document.documentElement.dataset.theme, document.documentElement.lang]);
    if (state === this.drawnTrend) return;
    this.drawnTrend = state;
    replace(this.trend, points.length > 1 && drawTrend(points, () => this.showTrend("")));
  }

  showTrend(name) {
    this.trendOf = name;
    this.writeAddress();
  }

  trendButton(run, found) {
    const name = trendName(run, found);
    if (!found || (this.series.get(name) || []).length < 2) return null;
    return button(t("runs.column.trend"), () => this.showTrend(name), { class: "trend-button", "aria-label": `${t("runs.column.trend")}: ${shortText(`${benchmarkName(found)}, ${run.model}`, 120)}`, title: t("runs.column.trend") });
  }

  drawCompare() {
    const known = new Set(this.runs.map((run) => run.key));
    this.chosen = new Set([...this.chosen].filter((key) => known.has(key)));
    this.compare.disabled = this.chosen.size < 2;
    this.compare.textContent = this.chosen.size < 2 ? t("runs.compare_hint") : t("runs.compare", this.chosen.size);
  }

  head() {
    const cells = Object.keys(COLUMNS).map((name) => {
      const direction = this.sort === name ? "ascending" : this.sort === `-${name}` ? "descending" : "none";
      const mark = { ascending: " ▲", descending: " ▼", none: "" }[direction];
      const label = button(t(`runs.column.${name}`) + mark, () => this.sortBy(name), { "data-focus": `head-${name}`, title: name === "change" ? t("runs.change_hint") : null });
      return el("th", { scope: "col", class: COLUMNS[name][0] ? "num" : null, "aria-sort": direction }, label);
    });
    return el("thead", {}, el("tr", {}, el("th", { scope: "col" }), cells));
  }

  row({ run, found }) {
    const cell = (name, ...content) => el("td", { class: [COLUMNS[name][0] ? "num" : "", name].join(" "), "data-label": t(`runs.column.${name}`) }, content);
    return el(
      "tr",
      { class: run.live ? "live" : null, "data-run": run.key, "data-benchmark": found?.name },
      el("td", {}, this.box(run)),
      cell("name", this.link(run)),
      cell("model", shortText(run.model || "", 80)),
      cell("benchmark", shortText(benchmarkName(found), 80)),
      cell("score", scoreText(found, found?.score)),
      cell("interval", intervalText(found)),
      cell("change", this.change(run, found), " ", this.trendButton(run, found)),
      cell("items", itemsText(run, found)),
      cell("gates", gatesText(run)),
      cell("started", (run.started || "").slice(0, 16).replace("T", " ")),
    );
  }

  box(run) {
    if (run.error) return null;
    const box = el("input", {
      type: "checkbox",
      checked: this.chosen.has(run.key),
      "aria-label": t("runs.choose", shortText(run.name, 120)),
      on: { change: () => this.choose(run.key, box.checked) },
    });
    return box;
  }

  choose(key, isOn) {
    if (isOn) this.chosen.add(key);
    else this.chosen.delete(key);
    for (const box of this.table.querySelectorAll(`tr[data-run="${key}"] input[type="checkbox"]`)) box.checked = isOn;
    this.drawCompare();
  }

  link(run) {
    const name = shortText(run.name === "." ? run.started || run.name : run.name, 200);
    if (run.error) return [name, " ", el("span", { class: "quiet" }, `${t("runs.unreadable")}: `, shortText(run.error, 300))];
    const state = run.live ? el("span", { class: "chip live-mark" }, t("runs.live")) : !run.complete && el("span", { class: "chip v-unknown" }, t("runs.incomplete"));
    return [el("a", { href: `/runs/${run.key}/` }, name), " ", state];
  }

  // Leads to the comparison with the run that it is the change from.
  change(run, found) {
    if (!found?.change) return null;
    const value = found.change.score;
    const isBetter = found.higher_is_better ? value > 0 : value < 0;
    const text = found.share ? `${signed(value * 100, 1)} pp` : `${signed(value, 4)} ${found.unit}`.trim();
    const tone = value ? (isBetter ? "up" : "down") : null;
    const before = this.runs.find(({ key }) => key === found.change.key);
    const from = before ? t("runs.change_from", scoreText(found, found.score - value), shortText(before.name, 120)) : "";
    return el("a", { href: `/compare?run=${found.change.key}&run=${run.key}`, class: tone, title: [from, t("runs.change_hint")].filter(Boolean).join("; ") }, text);
  }
}

function trendName(run, found) {
  return found ? JSON.stringify([run.model, found.name, found.subset]) : "";
}

function benchmarkName(found) {
  return found ? `${found.name} ${found.subset}`.trim() : "";
}

function signed(value, digits) {
  const text = Number(value.toFixed(digits)) || 0;
  return `${text > 0 ? "+" : text < 0 ? "−" : "±"}${Math.abs(text).toFixed(digits > 2 ? 0 : digits)}`;
}

function scoreText(found, value) {
  if (!found || value === null || value === undefined) return "";
  return found.share ? value.toFixed(4) : `${Number(value.toPrecision(4))} ${found.unit}`.trim();
}

function intervalText(found) {
  if (!found || found.low === null || found.high === null) return "";
  return found.share ? `${found.low.toFixed(3)}–${found.high.toFixed(3)}` : `${Number(found.low.toPrecision(4))}–${Number(found.high.toPrecision(4))}`;
}

function itemsText(run, found) {
  if (!found) return "";
  const open = found.counts.not_run || 0;
  return open ? t("runs.progress", whole(found.items - open), whole(found.items)) : whole(found.items);
}

function gatesText(run) {
  const counts = new Map();
  for (const gate of run.gates || []) counts.set(gate.verdict, (counts.get(gate.verdict) || 0) + 1);
  const tones = { passed: "v-passed", failed: "v-failed" };
  const names = run.gates?.map((gate) => `${gate.name}: ${gate.verdict}`).join("\n");
  return ["failed", "cannot judge", "passed"]
    .filter((verdict) => counts.has(verdict))
    .flatMap((verdict) => [el("span", { class: `chip ${tones[verdict] || "v-unknown"}`, title: shortText(names, 2000) }, t(`runs.${verdict}`, counts.get(verdict))), " "]);
}

function sorted(rows, sort) {
  const column = sort.replace(/^-/, "");
  if (!COLUMNS[column]) return rows;
  const value = COLUMNS[column][1];
  const sign = sort.startsWith("-") ? -1 : 1;
  const collator = new Intl.Collator("en", { numeric: true });
  const isKnown = (found) => found !== null && found !== undefined && found !== "";
  return [...rows].sort((a, b) => {
    const [one, other] = [value(a), value(b)];
    // What is not known comes last, whichever way the list is sorted.
    if (!isKnown(one) || !isKnown(other)) return isKnown(other) - isKnown(one);
    return sign * (typeof one === "number" ? one - other : collator.compare(one, other));
  });
}

async function openList() {
  const view = new RunListView();
  await openPage(() => view.draw());
  onPrint(() => view.drawTrend());
  const update = () => view.update().catch(report);
  await update();
  new EventSource("/api/events").addEventListener("change", update);
}

openList().catch(report);
