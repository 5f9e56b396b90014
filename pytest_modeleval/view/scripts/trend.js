// A figure of a benchmark over the runs of a model: line, 95 % band, and the verdicts of the gates as the points' colours.
import { color, figure, forgetCharts, options } from "./charts.js";
import { button, el } from "./dom.js";
import { shortText } from "./safe_text.js";
import { t } from "./texts.js";

// JSON of [model, benchmark, subset] -> [{run, found}], the earliest first; checkpoints of a training by their steps.
export function seriesOf(runs) {
  const series = new Map();
  for (const run of [...runs].sort((a, b) => ((a.started || "") < (b.started || "") ? -1 : 1))) {
    for (const found of run.benchmarks) {
      if (found.score === null) continue;
      const name = JSON.stringify([run.model, found.name, found.subset]);
      series.set(name, [...(series.get(name) || []), { run, found }]);
    }
  }
  for (const points of series.values()) if (hasSteps(points)) points.sort((a, b) => a.run.step - b.run.step);
  return series;
}

function hasSteps(points) {
  return points.every(({ run }) => Number.isInteger(run.step));
}

export function drawTrend(points, close) {
  forgetCharts();
  const { run, found } = points[0];
  const caption = t("runs.trend_of", shortText(`${found.name} ${found.subset}`.trim(), 80), shortText(run.model, 80));
  const isTraining = hasSteps(points);
  const labels = points.map(({ run }) => (isTraining ? String(run.step) : run.started.slice(0, 16).replace("T", " ")));
  const chart = figure(caption, { type: "line", data: { labels, datasets: datasetsOf(points) }, options: optionsOf(points) }, { heads: [t(isTraining ? "runs.column.step" : "runs.column.started"), t("runs.column.score"), t("runs.column.interval"), t("runs.column.gates")], rows: points.map((point, place) => [labels[place], number(point.found.score), interval(point.found), verdicts(point.run)]) });
  return el("section", { class: "trend" }, chart, button(t("runs.close"), close));
}

function datasetsOf(points) {
  const accent = color("accent");
  const edge = { borderWidth: 0, pointRadius: 0, pointHitRadius: 0 };
  return [
    { label: t("runs.column.score"), data: points.map(({ found }) => found.score), borderColor: accent, backgroundColor: accent, pointBackgroundColor: points.map(({ run }) => color(toneOf(run))), pointBorderColor: accent, pointRadius: 5, pointHoverRadius: 7 },
    { ...edge, label: "", data: points.map(({ found }) => found.low), fill: false },
    { ...edge, label: t("runs.column.interval"), data: points.map(({ found }) => found.high), fill: "-1", backgroundColor: `${accent}33` },
  ];
}

function optionsOf(points) {
  const made = options({ x: "", y: points[0].found.unit }, { tooltip: { afterLabel: (item) => (item.datasetIndex ? "" : [interval(points[item.dataIndex].found), verdicts(points[item.dataIndex].run)].filter(Boolean)) } });
  made.plugins.legend.labels.filter = (item) => item.text !== "";
  made.plugins.tooltip.filter = (item) => item.datasetIndex === 0;
  made.onClick = (_, [hit]) => hit && location.assign(`/runs/${points[hit.index].run.key}/`);
  return made;
}

function toneOf(run) {
  const verdicts = (run.gates || []).map((gate) => gate.verdict);
  if (!verdicts.length) return "accent";
  return verdicts.includes("failed") ? "wrong" : verdicts.includes("cannot judge") ? "no_answer" : "right";
}

function verdicts(run) {
  const counts = new Map();
  for (const gate of run.gates || []) counts.set(gate.verdict, (counts.get(gate.verdict) || 0) + 1);
  return [...counts].map(([verdict, count]) => t(`runs.${verdict}`, count)).join(", ");
}

function number(value) {
  return value === null ? "" : String(Number(value.toPrecision(5)));
}

function interval(found) {
  return found.low === null || found.high === null ? "" : `${number(found.low)}–${number(found.high)}`;
}
