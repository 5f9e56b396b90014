// Two or more runs side by side: scores and paired differences, the questions that changed, their answers.
import { append, byId, el, replace, whole } from "./dom.js";
import { openPage, read, report } from "./frame.js";
import { renderedText, shortText } from "./safe_text.js";
import { t } from "./texts.js";

const MOST_ROWS = 500;

class ComparisonView {
  constructor(found) {
    this.found = found;
    this.is = "wrong";
    this.benchmark = "";
    this.current = "";
    this.answers = el("section", { id: "answers", "aria-live": "polite" });
    window.addEventListener("popstate", () => this.showAddress());
    document.addEventListener("keydown", (event) => this.pressed(event));
  }

  draw() {
    byId("title").textContent = document.title = t("compare.title");
    replace(byId("sub"), el("a", { href: "/" }, t("compare.back")));
    const { sides, warnings } = this.found;
    replace(
      byId("content"),
      el("ul", { class: "plain", id: "sides" }, sides.map((side) => el("li", {}, el("b", {}, side.letter), " ", el("a", { href: `/runs/${side.key}/` }, shortText(side.name, 200)), el("span", { class: "quiet" }, ` ${shortText(side.model, 80)}, ${side.started.slice(0, 16).replace("T", " ")}`)))),
      warnings.map((text) => el("p", { class: "problem" }, shortText(text, 500))),
      el("section", {}, el("h2", {}, t("compare.scores")), this.scoreTable()),
      el("section", {}, el("h2", {}, t("compare.changed")), this.filters(), (this.list = el("div", { class: "wide changes", tabindex: "0" }))),
      this.answers,
    );
    this.drawChanges();
    this.showAddress();
  }

  scoreTable() {
    const { sides, scopes } = this.found;
    const head = [el("th", { scope: "col" }), sides.map((side) => el("th", { scope: "col", class: "num" }, side.letter)), ["change", "wrong", "right", "p"].map((name) => el("th", { scope: "col", class: "num" }, t(`compare.${name}`)))];
    const rows = scopes.flatMap((scope) => this.scopeRows(scope));
    return el("div", { class: "wide", tabindex: "0", role: "group" }, el("table", { class: "runs", id: "scores" }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows)));
  }

  scopeRows(scope) {
    const label = `${scope.benchmark} ${scope.subset}`.trim();
    const scores = scope.scores.map((score) => el("td", { class: "num" }, score === null ? "" : score.toFixed(4)));
    const empty = scope.scores.map(() => el("td", {}));
    const differences = scope.differences.length ? scope.differences : [null];
    const rows = differences.map((found, number) =>
      el("tr", { title: found ? shortText(found.sentence, 600) : null }, el("td", { class: "name" }, number ? "" : shortText(label, 120)), number ? empty : scores, this.differenceCells(found)),
    );
    const notes = scope.notes.map((note) => el("tr", {}, el("td", { class: "quiet", colspan: scope.scores.length + 5 }, shortText(note, 600))));
    return [...rows, ...notes];
  }

  differenceCells(found) {
    if (!found) return [1, 2, 3, 4].map(() => el("td", {}));
    const pair = this.found.sides.length > 2 ? `${this.letter(found.first)}→${this.letter(found.second)} ` : "";
    const interval = found.low === null ? "" : ` (${points(found.low)} … ${points(found.high)})`;
    const tone = found.p <= 0.05 ? (found.change < 0 ? "down" : "up") : null;
    return [
      el("td", { class: "num" }, pair, el("span", { class: tone }, points(found.change)), interval),
      el("td", { class: "num" }, whole(found.newly_wrong)),
      el("td", { class: "num" }, whole(found.newly_right)),
      el("td", { class: "num" }, found.p < 0.0001 ? "<0.0001" : String(Number(found.p.toPrecision(2)))),
    ];
  }

  letter(number) {
    return this.found.sides[number].letter;
  }

  filters() {
    const names = [...new Set(this.found.changes.map((change) => change.benchmark))];
    const benchmark = el("select", { "aria-label": t("column.benchmark"), on: { change: () => this.filter({ benchmark: benchmark.value }) } }, el("option", { value: "" }, t("compare.all")));
    for (const name of names) append(benchmark, el("option", { value: name, selected: name === this.benchmark }, shortText(name, 60)));
    const kinds = ["wrong", "right"].map((is) => el("button", { type: "button", "aria-pressed": String(this.is === is), on: { click: () => this.filter({ is }) } }, `${t(`compare.${is}`)} ${whole(this.count(is))}`));
    return el("div", { class: "toolbar" }, kinds, names.length > 1 && benchmark);
  }

  filter(change) {
    Object.assign(this, change);
    this.draw();
  }

  count(is) {
    return this.found.changes.filter((change) => change.is === is && (!this.benchmark || change.benchmark === this.benchmark)).length;
  }

  drawChanges() {
    const rows = this.found.changes.filter((change) => change.is === this.is && (!this.benchmark || change.benchmark === this.benchmark));
    this.rows = rows.slice(0, MOST_ROWS);
    const { sides } = this.found;
    const head = el("tr", {}, el("th", { scope: "col" }, t("column.id")), sides.map((side) => el("th", { scope: "col" }, side.letter)));
    const body = this.rows.map((change) => this.changeRow(change));
    replace(this.list, rows.length ? el("table", { class: "runs" }, el("thead", {}, head), el("tbody", {}, body)) : el("p", { class: "quiet" }, t("compare.none")));
    if (rows.length > MOST_ROWS) append(this.list, el("p", { class: "quiet" }, t("compare.more", whole(MOST_ROWS), whole(rows.length))));
  }

  changeRow(change) {
    const pair = this.found.sides.length > 2 ? ` ${this.letter(change.pair[0])}→${this.letter(change.pair[1])}` : "";
    const link = el("a", { href: `#${addressOf(change)}` }, shortText(`${change.subset}/${change.sample}`, 120), pair);
    const node = el("tr", { "data-address": addressOf(change), on: { click: () => this.go(change) } }, el("td", { class: "name" }, link));
    return append(node, change.results.map((text, number) => el("td", { "data-label": this.letter(number) }, shortText(text, 200))));
  }

  go(change) {
    const address = `#${addressOf(change)}`;
    if (location.hash !== address) history.pushState(null, "", address);
    this.showAddress();
  }

  pressed(event) {
    if (!["j", "k"].includes(event.key) || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT)$/.test(event.target.tagName)) return;
    const at = this.rows.findIndex((change) => addressOf(change) === this.current);
    const next = this.rows[Math.min(this.rows.length - 1, Math.max(0, at + (event.key === "j" ? 1 : -1)))];
    if (next) this.go(next);
    event.preventDefault();
  }

  showAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    this.current = given.get("sample") ? location.hash.slice(1) : "";
    for (const row of this.list.querySelectorAll("tr[data-address]")) {
      const isCurrent = row.dataset.address === this.current;
      if (isCurrent) row.scrollIntoView({ block: "nearest" });
      row.setAttribute("aria-current", String(isCurrent));
    }
    if (!this.current) replace(this.answers, el("p", { class: "quiet" }, t("compare.pick")));
    else this.drawAnswers(given).catch(report);
  }

  async drawAnswers(given) {
    const turn = (this.turn = (this.turn || 0) + 1);
    const { sides } = this.found;
    const records = await Promise.all(sides.map((side) => read(`/runs/${side.key}/sample?${given}`).catch(() => null)));
    if (turn !== this.turn) return;
    const known = records.find(Boolean);
    replace(
      this.answers,
      known?.question && [el("h2", {}, t("compare.question")), renderedText(known.question)],
      known?.target && el("p", {}, el("b", {}, t("compare.target")), " ", shortText(known.target, 2000)),
      el("div", { class: "sides" }, sides.map((side, number) => this.side(side, records[number]))),
    );
  }

  side(side, record) {
    const head = el("h3", {}, el("span", {}, side.letter), record && el("span", { class: `chip k-${record.kind}` }, t(`kind.${record.kind}`)));
    if (!record) return el("div", { class: "side" }, head, el("p", { class: "quiet" }, t("compare.missing")));
    const reply = record.exchanges?.at(-1)?.reply || {};
    const calls = (reply.tool_calls || []).map((call) => renderedText(`${call.name}(${call.arguments})`));
    const address = `/runs/${side.key}/#samples?s=${[record.benchmark, record.subset, record.id].map((part) => encodeURIComponent(String(part).toWellFormed())).join("/")}`;
    return el(
      "div",
      { class: "side" },
      head,
      record.answer && el("p", {}, el("b", {}, t("compare.answer")), " ", shortText(record.answer, 2000)),
      record.explanation && el("p", { class: "quiet" }, shortText(record.explanation, 1000)),
      reply.reasoning && el("details", { class: "fold" }, el("summary", {}, t("compare.thinking", whole(reply.reasoning.length))), renderedText(reply.reasoning)),
      reply.content && renderedText(reply.content),
      calls,
      el("p", {}, el("a", { href: address }, t("compare.open"))),
    );
  }
}

function addressOf({ benchmark, subset, sample }) {
  return String(new URLSearchParams({ benchmark, subset, sample, repeat: "0" }));
}

function points(value) {
  const text = (value * 100).toFixed(1);
  return value > 0 ? `+${text}` : text.replace("-", "−");
}

async function openComparison() {
  let view = null;
  await openPage(() => view?.draw());
  view = new ComparisonView(await read(`/api/compare${location.search}`));
  view.draw();
}

openComparison().catch(report);
