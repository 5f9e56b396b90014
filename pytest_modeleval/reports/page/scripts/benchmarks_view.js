// The view of benchmarks: subsets in a table that can be sorted, intervals, and distributions against right and wrong.
import { byId, el, replace, seconds, whole } from "./dom.js";
import { forgetCharts, histogram, intervalPlot, quantile } from "./charts.js";
import { shortText } from "./safe_text.js";
import { kindLabel, t } from "./texts.js";

const MOST_PLOTTED = 60;
const GROUPS = [["right", "right"], ["wrong", "wrong"]];
const DISTRIBUTIONS = [["tokens", "chart.tokens"], ["reasoning_tokens", "chart.reasoning_tokens"], ["total_s", "chart.seconds"]];

export class BenchmarksView {
  constructor(data) {
    this.data = data;
    this.sort = ["", 1];
  }

  draw() {
    forgetCharts();
    replace(byId("benchmarks-view"), (this.data.summary.benchmarks || []).map((entry) => this.benchmark(entry)));
  }

  benchmark(entry) {
    const places = placesOf(this.data, entry.benchmark);
    return el(
      "section",
      { class: "benchmark" },
      el("h2", {}, el("bdi", {}, shortText(entry.benchmark, 200)), " ", el("span", { class: "metric" }, shortText(entry.metric, 100))),
      this.table(entry, places),
      el("div", { class: "figures" }, this.plot(entry), DISTRIBUTIONS.map(([column, title]) => this.distribution(column, title, places))),
      measureTable(entry),
    );
  }

  table(entry, places) {
    const bySubset = new Map(entry.subsets.map((score) => [score.subset, []]));
    for (const place of places) bySubset.get(this.data.value("subset", place))?.push(place);
    const rows = entry.subsets.map((score) => ({ score, ...this.figures(bySubset.get(score.subset)) }));
    const [column, sign] = this.sort;
    const sorting = SUBSET_COLUMNS.find(([name]) => name === column);
    if (sorting) rows.sort((a, b) => sign * compare(sorting[1](a), sorting[1](b)));
    const head = SUBSET_COLUMNS.map(([name]) => this.head(name));
    const body = rows.map((row) => el("tr", {}, SUBSET_COLUMNS.map(([name, value, text]) => cell(entry, row, name, text ? text(value(row)) : value(row)))));
    return el(
      "div",
      { class: "wide", tabindex: "0", role: "group", "aria-label": t("nav.benchmarks") },
      el("table", { class: "plain sortable" }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, body)),
    );
  }

  head(name) {
    const [column, sign] = this.sort;
    const direction = column !== name ? "none" : sign > 0 ? "ascending" : "descending";
    const choose = () => {
      this.sort = [name, column === name ? -sign : name === "subset" ? 1 : -1];
      this.draw();
      byId("benchmarks-view").querySelector(`[data-sort="${name}"]`)?.focus();
    };
    const mark = { ascending: " ▲", descending: " ▼", none: "" }[direction];
    const label = name in KIND_COLUMNS ? kindLabel(name) : t(`table.${name}`);
    return el("th", { scope: "col", class: name === "subset" ? null : "num", "aria-sort": direction }, el("button", { type: "button", "data-sort": name, on: { click: choose } }, label, mark));
  }

  figures(places) {
    const { columns } = this.data;
    const of = (column) => places.map((place) => columns[column][place]);
    return { tokens: quantile(of("tokens"), 0.5), time: quantile(of("total_s"), 0.5), slow: quantile(of("total_s"), 0.95) };
  }

  plot(entry) {
    const rows = [...entry.subsets.map((score) => ({ label: score.subset, ...score })), ...entry.aggregates.map((score) => ({ label: score.name, ...score }))]
      .filter((row) => typeof row.score === "number" && typeof row.low === "number")
      .slice(0, MOST_PLOTTED)
      .map((row) => ({ ...row, label: shortText(row.label, 40) }));
    return rows.length ? intervalPlot(t("chart.intervals"), shortText(entry.metric, 60), rows) : null;
  }

  distribution(column, title, places) {
    const values = this.data.columns[column];
    if (!values) return null;
    const kindOf = (place) => this.data.value("kind", place);
    const groups = GROUPS.map(([kind, tone]) => [kindLabel(kind), tone, places.filter((place) => kindOf(place) === kind).map((place) => values[place])]);
    const isOther = (place) => !GROUPS.some(([kind]) => kindOf(place) === kind);
    groups.push([t("chart.other"), "ungraded", places.filter(isOther).map((place) => values[place])]);
    return histogram(t(title), t(column === "total_s" ? "unit.seconds" : "unit.tokens"), groups);
  }
}

const KIND_COLUMNS = { right: 1, wrong: 1, no_answer: 1, truncated: 1 };
// name, value of a row, its text
const SUBSET_COLUMNS = [
  ["subset", (row) => row.score.subset],
  ["num", (row) => row.score.num, whole],
  ["score", (row) => row.score.score, figureText],
  ["interval", (row) => (typeof row.score.low === "number" ? row.score.high - row.score.low : null), figureText],
  ...Object.keys(KIND_COLUMNS).map((kind) => [kind, (row) => row.score.counts[kind] || 0, whole]),
  ["ungraded", (row) => ungraded(row.score), whole],
  ["tokens", (row) => row.tokens, whole],
  ["time", (row) => row.time, seconds],
  ["slow", (row) => row.slow, seconds],
];

function cell(entry, row, name, text) {
  if (name === "subset") {
    const address = new URLSearchParams({ benchmark: entry.benchmark, subset: row.score.subset });
    const link = el("a", { href: `#samples?${address}` }, el("bdi", {}, shortText(row.score.subset, 100)));
    return el("th", { scope: "row" }, link, row.score.suspicious && [" ", el("span", { class: "chip v-unknown" }, t("suspicious"))]);
  }
  const { low, high } = row.score;
  const shown = name === "interval" ? (typeof low === "number" ? `${figureText(low)}–${figureText(high)}` : "-") : text;
  const tone = name in KIND_COLUMNS && name !== "right" && row.score.counts[name] ? ` k-${name} tone` : "";
  return el("td", { class: `num${tone}` }, shown === "" ? "-" : shown);
}

function measureTable(entry) {
  const found = entry.measures || [];
  if (!found.length) return null;
  const row = (measure) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, el("bdi", {}, shortText(`${measure.name} (${measure.method})`, 100))),
      el("td", {}, el("bdi", {}, shortText(measure.subset, 100))),
      el("td", { class: "num" }, `${figureText(measure.score)} ${measure.unit || ""}`),
      el("td", { class: "num" }, typeof measure.low === "number" ? `${figureText(measure.low)}–${figureText(measure.high)}` : "-"),
      el("td", {}, measure.higher_is_better === false ? t("table.lower_is_better") : ""),
    );
  const heads = ["part.measures", "column.subset", "table.score", "table.interval", ""];
  return [
    el("h3", {}, t("part.measures")),
    el(
      "div",
      { class: "wide", tabindex: "0", role: "group", "aria-label": t("part.measures") },
      el("table", { class: "plain" }, el("thead", {}, el("tr", {}, heads.map((head) => (head ? el("th", { scope: "col" }, t(head)) : el("td", {}))))), el("tbody", {}, found.map(row))),
    ),
  ];
}

function placesOf(data, benchmark) {
  const code = (data.names.benchmark || []).indexOf(benchmark);
  const places = [];
  (data.columns.benchmark || []).forEach((own, place) => own === code && places.push(place));
  return places;
}

function ungraded(score) {
  return Object.entries(score.counts).reduce((sum, [kind, count]) => (kind in KIND_COLUMNS ? sum : sum + count), 0);
}

function figureText(value) {
  return typeof value === "number" ? String(Math.round(value * 10000) / 10000) : "-";
}

function compare(a, b) {
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  return typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
}
