// The figures of a comparison: scores, measures and indexes with their differences.
import { el, whole } from "./dom.js";
import { shortText } from "./safe_text.js";
import { t } from "./texts.js";

const ALPHA = 0.05;
// Heads that are explained where the pointer rests on them.
const HINTS = { change: "compare.change_hint", p: "compare.p_hint" };

export function scoreTable(found) {
  const heads = ["change", "wrong", "right", "p"];
  const rows = found.scopes.flatMap((scope) => {
    const scores = scope.scores.map((score) => (score === null ? "" : score.toFixed(4)));
    const cells = (difference) => [changeCell(found, difference, points, true), whole(difference.newly_wrong), whole(difference.newly_right), chance(difference.p)];
    return rowsOf(`${scope.benchmark} ${scope.subset}`, scores, scope, cells, heads, found.sides);
  });
  return tableOf(found, "scores", heads, rows);
}

export function measureTable(found) {
  const heads = ["change", "questions", "p"];
  const rows = found.measures.flatMap((measure) => {
    const figures = measure.figures.map(({ value }) => figureText(value, measure));
    const cells = (difference) => [changeCell(found, difference, (value) => changeText(value, measure), measure.higher_is_better), whole(difference.n), chance(difference.p)];
    const name = `${measure.benchmark} ${measure.subset} ${measure.name} ${measure.higher_is_better ? "↑" : "↓"}`;
    return rowsOf(name, figures, measure, cells, heads, found.sides);
  });
  return tableOf(found, "measures", heads, rows, t("compare.direction"));
}

export function pointTable(found) {
  const heads = ["worse", "p"];
  const rows = found.points.flatMap((figure) => {
    const figures = figure.figures.map((one) => (one && one.value !== null ? shortText(`${Number(one.value.toPrecision(4))} ${figure.unit}`.trim(), 60) : ""));
    const differences = figure.differences.map((difference) => ({ ...difference, change: difference.worse_by }));
    const cells = (difference) => [changeCell(found, difference, percent, false), chance(difference.p)];
    return rowsOf(`${figure.benchmark} ${figure.point} ${figure.measure}`, figures, { ...figure, differences }, cells, heads, found.sides);
  });
  return tableOf(found, "points", heads, rows);
}

export function indexTable(found) {
  const rows = found.indexes.flatMap((index) => {
    const cells = (difference) => [difference.change === null ? "–" : changeCell(found, difference, points, true)];
    const notes = index.differences.filter((difference) => difference.change === null).map((difference) => difference.sentence);
    return rowsOf(index.name, index.scores.map(indexScore), { ...index, notes }, cells, ["change"], found.sides);
  });
  const hasInterval = found.indexes.some(({ differences }) => differences.some(({ low }) => low !== null));
  return tableOf(found, "indexes", ["change"], rows, hasInterval ? t("compare.unpaired") : "");
}

function tableOf({ sides }, id, heads, rows, note = "") {
  const head = [el("th", { scope: "col" }), sides.map((side) => el("th", { scope: "col", class: "num" }, side.letter)), heads.map((name) => el("th", { scope: "col", class: "num", title: HINTS[name] ? t(HINTS[name]) : null }, t(`compare.${name}`)))];
  const table = el("table", { class: "runs", id }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows));
  return [el("div", { class: "wide", tabindex: "0", role: "group", "aria-label": t(`compare.${id}`) }, table), note && el("p", { class: "quiet" }, note)];
}

// A row for each difference, at least one; the figures stand in the first. What was not compared says why below.
function rowsOf(name, figures, { differences, notes }, cells, heads, sides) {
  const rows = (differences.length ? differences : [null]).map((difference, number) =>
    el(
      "tr",
      { title: difference ? shortText(difference.sentence, 600) : null },
      el("td", { class: "name" }, number ? "" : shortText(name.replace(/\s+/g, " ").trim(), 160)),
      figures.map((text, side) => el("td", { class: "num", "data-label": sides[side].letter }, number ? "" : text)),
      heads.map((head, column) => el("td", { class: "num", "data-label": t(`compare.${head}`) }, difference && el("span", {}, cells(difference)[column]))),
    ),
  );
  const said = notes.map((note) => el("tr", {}, el("td", { class: "quiet", colspan: 1 + figures.length + heads.length }, shortText(note, 600))));
  return [...rows, ...said];
}

// An index is compared without a p-value: its change stands out where the interval excludes 0.
function changeCell({ sides }, difference, text, isHigherBetter) {
  const { first, second, change, low, high, p } = difference;
  const isSeen = p === undefined ? low !== null && low * high > 0 : p <= ALPHA;
  const tone = isSeen ? ((change > 0) === isHigherBetter ? "up" : "down") : null;
  const pair = sides.length > 2 ? `${sides[first].letter}→${sides[second].letter} ` : "";
  return [pair, el("span", { class: tone }, text(change)), low === null ? "" : ` (${text(low)} … ${text(high)})`];
}

function indexScore(score) {
  if (!score) return "";
  if (score.score !== null) return el("span", { title: shortText(score.identity, 600) }, score.score.toFixed(4));
  return el("span", { title: shortText(t("compare.without", score.missing.join(", ")), 600) }, `${score.at_least.toFixed(4)}–${score.at_most.toFixed(4)}`);
}

function figureText(value, { share, unit }) {
  if (value === null) return "";
  return share ? value.toFixed(4) : shortText(`${Number(value.toPrecision(4))} ${unit}`.trim(), 60);
}

function changeText(value, { share }) {
  return signed(share ? value.toFixed(4) : String(Number(value.toPrecision(4))));
}

function points(value) {
  return `${signed((value * 100).toFixed(1))} pp`;
}

function percent(value) {
  return `${signed((value * 100).toFixed(1))} %`;
}

function signed(text) {
  return Number(text) > 0 ? `+${text}` : text.replace("-", "−");
}

function chance(p) {
  return p < 0.0001 ? "<0.0001" : String(Number(p.toPrecision(2)));
}
