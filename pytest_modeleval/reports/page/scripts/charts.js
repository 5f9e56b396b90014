// Charts by Chart.js, in the page's own words and colours; below each its numbers as a table, for readers and machines.
import { el, whole } from "./dom.js";
import { t } from "./texts.js";

/* global Chart */
const BINS = 20;
let drawn = [];

export function forgetCharts() {
  for (const chart of drawn) chart.destroy();
  drawn = [];
}

export function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// A figure with a caption. The canvas is drawn once it is part of the document.
export function figure(caption, config, { heads, rows, height = 240 }) {
  const canvas = el("canvas", { role: "img", "aria-label": caption });
  const holder = el("div", { class: "canvas" }, canvas);
  holder.style.height = `${height}px`;
  const numbers = el(
    "table",
    { class: "plain" },
    el("thead", {}, el("tr", {}, heads.map((head, place) => el("th", { scope: "col", class: place ? "num" : null }, head)))),
    el("tbody", {}, rows.map(([head, ...cells]) => el("tr", {}, el("th", { scope: "row" }, head), cells.map((cell) => el("td", { class: "num" }, cell))))),
  );
  const node = el("figure", {}, el("figcaption", {}, caption), holder, el("details", { class: "fold" }, el("summary", {}, t("chart.numbers")), numbers));
  queueMicrotask(() => canvas.isConnected && drawn.push(new Chart(canvas, config)));
  return node;
}

export function options(titles, more = {}) {
  const axis = (title, extra = {}) => ({
    title: { display: Boolean(title), text: title, color: color("soft") },
    ticks: { color: color("soft") },
    grid: { color: color("faint") },
    border: { color: color("line") },
    ...extra,
  });
  return {
    animation: false,
    maintainAspectRatio: false,
    scales: { x: axis(titles.x, more.x), y: axis(titles.y, more.y) },
    plugins: {
      legend: { display: more.legend !== false, labels: { color: color("ink"), boxWidth: 12 } },
      tooltip: { callbacks: more.tooltip || {} },
    },
    ...(more.indexAxis ? { indexAxis: more.indexAxis } : {}),
  };
}

// groups: [[label, name of a colour, values]]. Bars of how many samples lie in each range, the groups upon each other.
export function histogram(caption, unit, groups) {
  const known = groups.map(([label, tone, values]) => [label, tone, values.filter((value) => typeof value === "number")]);
  const all = known.flatMap(([, , values]) => values).sort((a, b) => a - b);
  if (all.length < 2 || all[0] === all.at(-1)) return null;
  const edges = binEdges(all);
  const counted = known.filter(([, , values]) => values.length).map(([label, tone, values]) => [label, tone, counts(values, edges)]);
  const labels = edges.map((edge, place) => (place === edges.length - 1 ? `≥ ${short(edge)}` : `${short(edge)}–${short(edges[place + 1])}`));
  const datasets = counted.map(([label, tone, data]) => ({ label, data, backgroundColor: color(tone), stack: "all", categoryPercentage: 1, barPercentage: 0.95 }));
  const title = { title: ([item]) => `${item.label} ${unit}` };
  return figure(
    caption,
    {
      type: "bar",
      data: { labels, datasets },
      options: options({ x: unit, y: t("chart.samples") }, { x: { stacked: true }, y: { stacked: true, beginAtZero: true }, tooltip: title }),
    },
    { heads: [unit, ...counted.map(([label]) => label)], rows: labels.map((label, place) => [label, ...counted.map(([, , data]) => whole(data[place]))]) },
  );
}

// rows: [{label, low, high, score}]: a bar from low to high and a mark at the score, on one axis.
export function intervalPlot(caption, title, rows) {
  const labels = rows.map((row) => row.label);
  const text = (row) => `${number(row.score)} (${number(row.low)}–${number(row.high)})`;
  const datasets = [
    { type: "scatter", label: t("chart.score"), data: rows.map((row, place) => ({ x: row.score, y: labels[place] })), backgroundColor: color("accent"), pointRadius: 5, pointHoverRadius: 6 },
    { label: t("chart.interval"), data: rows.map((row) => [row.low, row.high]), backgroundColor: `${color("accent")}66`, borderSkipped: false, borderRadius: 4, barThickness: 8 },
  ];
  return figure(
    caption,
    {
      type: "bar",
      data: { labels, datasets },
      options: options(
        { x: title, y: "" },
        { indexAxis: "y", y: { type: "category", labels, offset: true }, tooltip: { label: (item) => text(rows[item.dataIndex]) } },
      ),
    },
    { heads: [t("column.subset"), t("chart.score"), t("chart.interval")], rows: rows.map((row) => [row.label, number(row.score), `${number(row.low)}–${number(row.high)}`]), height: 90 + 26 * rows.length },
  );
}

export function quantile(values, share) {
  const known = values.filter((value) => typeof value === "number").sort((a, b) => a - b);
  if (!known.length) return null;
  const at = (known.length - 1) * share;
  const low = Math.floor(at);
  return known[low] + (at - low) * ((known[low + 1] ?? known[low]) - known[low]);
}

// Round steps from 0 to beyond nearly all values; the last bin takes what is above.
function binEdges(all) {
  const most = all[Math.floor((all.length - 1) * 0.99)] || all.at(-1);
  const raw = most / BINS;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw);
  return Array.from({ length: Math.floor(most / step) + 2 }, (_, place) => place * step);
}

function counts(values, edges) {
  const found = edges.map(() => 0);
  for (const value of values) found[Math.min(edges.length - 1, Math.floor(value / edges[1]))] += 1;
  return found;
}

function short(value) {
  return value >= 1000 ? `${Math.round(value / 100) / 10}k` : String(Math.round(value * 100) / 100);
}

function number(value) {
  return typeof value === "number" ? String(Math.round(value * 10000) / 10000) : "-";
}
