// Two or more runs side by side: scores and paired differences, the questions that changed, their answers.
import { append, byId, button, el, replace, whole } from "./dom.js";
import { answersOf } from "./comparison_answers.js";
import { indexTable, measureTable, pointTable, scoreTable } from "./comparison_tables.js";
import { openPage, read, report } from "./frame.js";
import { shortText } from "./safe_text.js";
import { t } from "./texts.js";

// Rows that are drawn at once, and that each "more" adds.
const STEP = 200;
const TYPING_MS = 120;

class ComparisonView {
  constructor(found) {
    this.found = found;
    this.is = "wrong";
    this.benchmark = "";
    this.words = [];
    this.shown = STEP;
    this.current = "";
    this.search = el("input", { type: "search", id: "change-search", autocomplete: "off", spellcheck: "false", on: { input: () => this.typed() } });
    for (const change of found.changes) change.text = [change.subset, change.sample, ...change.results].join(" ").toLowerCase();
    this.answers = el("section", { id: "answers", "aria-live": "polite" });
    window.addEventListener("popstate", () => this.showAddress());
    document.addEventListener("keydown", (event) => this.pressed(event));
  }

  draw() {
    byId("title").textContent = document.title = t("compare.title");
    replace(byId("sub"), el("a", { href: "/" }, t("compare.back")));
    const { sides, warnings, measures, points, indexes } = this.found;
    this.search.placeholder = t("compare.search");
    this.search.setAttribute("aria-label", t("compare.search"));
    const section = (name, node) => el("section", {}, el("h2", {}, t(`compare.${name}`)), node);
    replace(
      byId("content"),
      el("ul", { class: "plain", id: "sides" }, sides.map((side) => el("li", {}, el("b", {}, side.letter), " ", el("a", { href: `/runs/${side.key}/` }, shortText(side.name, 200)), el("span", { class: "quiet" }, ` ${shortText(side.model, 80)}, ${side.started.slice(0, 16).replace("T", " ")}`)))),
      warnings.map((text) => el("p", { class: "problem" }, shortText(text, 500))),
      section("scores", scoreTable(this.found)),
      measures.length > 0 && section("measures", measureTable(this.found)),
      points.length > 0 && section("points", pointTable(this.found)),
      indexes.length > 0 && section("indexes", indexTable(this.found)),
      section("changed", [this.filters(), (this.list = el("div", { class: "wide changes", id: "changes", tabindex: "0", role: "group", "aria-label": t("compare.changed") }))]),
      this.answers,
    );
    this.drawChanges();
    this.showAddress();
  }

  letter(number) {
    return this.found.sides[number].letter;
  }

  filters() {
    const names = [...new Set(this.found.changes.map((change) => change.benchmark))];
    const benchmark = el("select", { "aria-label": t("column.benchmark"), on: { change: () => this.filter({ benchmark: benchmark.value }) } }, el("option", { value: "" }, t("compare.all")));
    for (const name of names) append(benchmark, el("option", { value: name, selected: name === this.benchmark }, shortText(name, 60)));
    this.kinds = ["wrong", "right"].map((is) => el("button", { type: "button", "data-is": is, on: { click: () => this.filter({ is }) } }));
    return el("div", { class: "toolbar", role: "search" }, this.kinds, this.search, names.length > 1 && benchmark);
  }

  filter(change) {
    Object.assign(this, change, { shown: STEP });
    this.drawChanges();
    this.showAddress();
  }

  typed() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.filter({ words: this.search.value.toLowerCase().split(/\s+/).filter(Boolean) }), TYPING_MS);
  }

  chosen(is) {
    return this.found.changes.filter((change) => change.is === is && (!this.benchmark || change.benchmark === this.benchmark) && this.words.every((word) => change.text.includes(word)));
  }

  drawChanges() {
    for (const node of this.kinds) {
      node.textContent = `${t(`compare.${node.dataset.is}`)} ${whole(this.chosen(node.dataset.is).length)}`;
      node.setAttribute("aria-pressed", String(node.dataset.is === this.is));
    }
    this.rows = this.chosen(this.is);
    const { sides, left_out: leftOut } = this.found;
    const head = el("tr", {}, el("th", { scope: "col" }, t("column.id")), sides.map((side) => el("th", { scope: "col" }, `${side.letter} ${shortText(side.name, 40)}`)));
    this.body = el("tbody");
    this.more = el("p");
    const isSearched = this.words.length || this.benchmark;
    replace(this.list, this.rows.length ? [el("table", { class: "runs" }, el("thead", {}, head), this.body), this.more] : el("p", { class: "quiet" }, t(isSearched ? "compare.no_match" : "compare.none")));
    if (leftOut) append(this.list, el("p", { class: "quiet" }, t("compare.left_out", whole(leftOut))));
    this.addRows();
  }

  // Draws the rows up to `shown` that are not there yet.
  addRows() {
    append(this.body, this.rows.slice(this.body.children.length, this.shown).map((change) => this.changeRow(change)));
    const left = this.rows.length - this.shown;
    replace(this.more, left > 0 && [t("compare.more", whole(this.shown), whole(this.rows.length)), " ", button(t("compare.show_more", whole(Math.min(left, STEP))), () => this.showTo(this.shown + STEP)), " ", button(t("compare.show_all"), () => this.showTo(this.rows.length))]);
  }

  showTo(count) {
    this.shown = count;
    this.addRows();
  }

  changeRow(change) {
    const pair = this.found.sides.length > 2 ? ` ${this.letter(change.pair[0])}→${this.letter(change.pair[1])}` : "";
    const link = el("a", { href: `#${addressOf(change)}` }, shortText(`${change.subset}/${change.sample}`, 120), pair);
    const node = el("tr", { "data-address": addressOf(change), on: { click: () => this.go(change) } }, el("td", { class: "name" }, link));
    return append(node, change.results.map((text, number) => el("td", { "data-label": this.letter(number) }, shortText(text, 200))));
  }

  go(change) {
    this.isChosen = true;
    const address = `#${addressOf(change)}`;
    if (location.hash !== address) history.pushState(null, "", address);
    this.showAddress();
  }

  pressed(event) {
    if (!["j", "k"].includes(event.key) || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT)$/.test(event.target.tagName)) return;
    const at = this.rows.findIndex((change) => addressOf(change) === this.current);
    const place = Math.min(this.rows.length - 1, Math.max(0, at + (event.key === "j" ? 1 : -1)));
    if (place >= this.shown) this.showTo(place + STEP);
    if (this.rows[place]) this.go(this.rows[place]);
    event.preventDefault();
  }

  showAddress() {
    const asked = new URLSearchParams(location.hash.slice(1));
    const given = Object.fromEntries(["benchmark", "subset", "sample"].map((name) => [name, asked.get(name) || ""]));
    this.current = given.sample ? addressOf(given) : "";
    for (const row of this.list.querySelectorAll("tr[data-address]")) {
      const isCurrent = row.dataset.address === this.current;
      if (isCurrent) row.scrollIntoView({ block: "nearest" });
      row.setAttribute("aria-current", String(isCurrent));
    }
    if (!this.current) replace(this.answers, el("p", { class: "quiet" }, t("compare.pick")));
    else this.drawAnswers().catch(report);
  }

  async drawAnswers() {
    const turn = (this.turn = (this.turn || 0) + 1);
    const made = await answersOf(this.found.sides, this.current);
    if (turn !== this.turn) return;
    replace(this.answers, made);
    // Chosen by hand, the answers come into sight; the list stays where it is otherwise.
    if (this.isChosen) this.answers.querySelector(".sides")?.scrollIntoView({ block: "nearest" });
    this.isChosen = false;
  }
}

// Made once for each: walking a long list by key compares them.
function addressOf(change) {
  const { benchmark, subset, sample } = change;
  return (change.address ||= String(new URLSearchParams({ benchmark, subset, sample })));
}

async function openComparison() {
  let view = null;
  await openPage(() => view?.draw());
  view = new ComparisonView(await read(`/api/compare${location.search}`));
  view.draw();
}

openComparison().catch(report);
