// The list of samples: only the rows that can be seen are elements.
import { append, el, replace, seconds, whole } from "./dom.js";
import { shortText } from "./safe_text.js";
import { currentLanguage, kindLabel, t } from "./texts.js";

const ROW = 34;
const ROW_NARROW = 62;
const AHEAD = 8;
const NARROW = window.matchMedia("screen and (max-width: 46rem)");
// Rows on paper, from the top of the list.
const MOST_PRINTED = 500;

// name: [least width in rem, share of what is left, is a number, text of a cell]
export const COLUMNS = {
  kind: [6.5, 0, false, (data, place) => kindLabel(data.value("kind", place))],
  benchmark: [7, 1, false, (data, place) => data.value("benchmark", place)],
  subset: [6, 1, false, (data, place) => data.value("subset", place)],
  id: [9, 4, false, (data, place) => data.columns.id[place]],
  question: [9, 5, false, (data, place) => data.columns.question[place]],
  answer: [5, 2, false, (data, place) => data.columns.answer[place] ?? ""],
  target: [5, 2, false, (data, place) => data.columns.target[place] ?? ""],
  cause: [7, 1, false, (data, place) => data.value("cause", place) || ""],
  value: [4, 0, true, (data, place) => gradeText(data.columns.value[place])],
  tokens: [4.5, 0, true, (data, place) => whole(data.columns.tokens[place])],
  reasoning_tokens: [4.5, 0, true, (data, place) => whole(data.columns.reasoning_tokens[place])],
  prompt_tokens: [4.5, 0, true, (data, place) => whole(data.columns.prompt_tokens[place])],
  total_s: [4.5, 0, true, (data, place) => seconds(data.columns.total_s[place])],
  first_token_s: [5.5, 0, true, (data, place) => seconds(data.columns.first_token_s[place])],
  finish_reason: [5, 1, false, (data, place) => data.value("finish_reason", place) || ""],
  retries: [4.5, 0, true, (data, place) => whole(data.columns.retries[place])],
  flip: [6.5, 0, false, (data, place) => flipText(data.flips.get(place))],
};
export const USUAL_COLUMNS = ["kind", "subset", "id", "question", "answer", "target", "tokens", "total_s"];
const NARROW_COLUMNS = ["kind", "id", "tokens"];
const NARROW_GRID = "6rem minmax(0, 1fr) 4rem";
// Next to an open sample.
const COMPACT_COLUMNS = ["kind", "id", "answer", "target"];
const COMPACT_WIDTH = 720;

export class SampleList {
  // node: the element to fill. open(place): a row was chosen. sortBy(column): a head was chosen.
  constructor(node, data, { open, sortBy }) {
    this.data = data;
    this.open = open;
    this.sortBy = sortBy;
    this.places = [];
    this.columns = USUAL_COLUMNS;
    this.sort = "";
    this.current = -1;
    this.head = el("div", { class: "list-head", role: "row" });
    this.rows = el("div", { class: "list-rows", role: "rowgroup" });
    this.viewport = el("div", { class: "list-viewport", on: { scroll: () => this.plan() } }, this.rows);
    this.table = el("div", { class: "list-table", role: "table" }, el("div", { role: "rowgroup" }, this.head), this.viewport);
    append(node, this.table);
    new ResizeObserver(() => this.resized()).observe(this.viewport);
  }

  get rowHeight() {
    return NARROW.matches ? ROW_NARROW : ROW;
  }

  shownColumns() {
    if (NARROW.matches) return NARROW_COLUMNS;
    const isCompact = this.current >= 0 && this.table.clientWidth < COMPACT_WIDTH;
    return isCompact ? COMPACT_COLUMNS : this.columns;
  }

  show(places, { columns, sort, current }) {
    this.places = places;
    this.columns = columns;
    this.sort = sort;
    this.current = current;
    this.draw();
  }

  // Another width may mean other columns.
  resized() {
    const shown = this.shownColumns().join();
    if (shown !== this.drawn) this.draw();
    else this.plan();
  }

  plan() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.drawRows();
    });
  }

  draw() {
    this.table.setAttribute("aria-rowcount", String(this.places.length + 1));
    this.table.setAttribute("aria-label", t("list.label"));
    const shown = this.shownColumns();
    this.drawn = shown.join();
    const template = shown.map((name) => (COLUMNS[name][1] ? `minmax(${COLUMNS[name][0]}rem, ${COLUMNS[name][1]}fr)` : `${COLUMNS[name][0]}rem`));
    this.table.style.setProperty("--columns", NARROW.matches ? NARROW_GRID : template.join(" "));
    this.table.style.setProperty("--least", `${shown.reduce((sum, name) => sum + COLUMNS[name][0] + 0.6, 1.6)}rem`);
    const head = [this.drawn, this.sort, currentLanguage()].join();
    if (head !== this.drawnHead) replace(this.head, shown.map((name) => this.headCell(name)));
    this.drawnHead = head;
    this.rows.style.height = `${this.places.length * this.rowHeight}px`;
    this.drawRows();
  }

  headCell(name) {
    const direction = this.sort === name ? "ascending" : this.sort === `-${name}` ? "descending" : "none";
    const mark = { ascending: " ▲", descending: " ▼", none: "" }[direction];
    const classes = `cell${COLUMNS[name][2] ? " num" : ""}`;
    const choose = el("button", { type: "button", title: t(`hint.${name}`), on: { click: () => this.sortBy(name) } }, t(`column.${name}`), mark);
    return el("div", { class: classes, role: "columnheader", "aria-sort": direction }, choose);
  }

  print(isPrinted) {
    this.isPrinted = isPrinted;
    this.draw();
  }

  drawRows() {
    if (this.isPrinted) {
      this.drawnRows = "";
      const left = this.places.length - MOST_PRINTED;
      replace(this.rows, this.places.slice(0, MOST_PRINTED).map((_, number) => this.row(number)), left > 0 && el("p", { class: "quiet" }, t("list.not_printed", whole(left))));
      return;
    }
    const top = this.viewport.scrollTop;
    const first = Math.max(0, Math.floor(top / this.rowHeight) - AHEAD);
    const last = Math.min(this.places.length, Math.ceil((top + this.viewport.clientHeight) / this.rowHeight) + AHEAD);
    // A run under way adds rows further down several times a second: those that are seen stay as they are.
    const state = [first, this.places.slice(first, last), this.current, this.drawnHead, this.rowHeight, this.data.version, this.data.flips.size].join();
    if (state === this.drawnRows) return;
    this.drawnRows = state;
    const focused = this.rows.contains(document.activeElement) ? document.activeElement.dataset.place : null;
    const shown = [];
    for (let number = first; number < last; number++) shown.push(this.row(number));
    replace(this.rows, shown);
    if (focused !== null) this.rows.querySelector(`a[data-place="${focused}"]`)?.focus({ preventScroll: true });
  }

  row(number) {
    const place = this.places[number];
    const kind = this.data.value("kind", place);
    const node = el("div", {
      class: `list-row k-${kind}${place === this.current ? " current" : ""}`,
      role: "row",
      "aria-rowindex": number + 2,
      "aria-current": place === this.current ? "true" : null,
      on: { click: () => this.open(place) },
    });
    node.style.transform = `translateY(${number * this.rowHeight}px)`;
    node.style.height = `${this.rowHeight}px`;
    return append(node, this.shownColumns().map((name) => this.cell(name, place)), NARROW.matches && this.secondLine(place));
  }

  cell(name, place) {
    const [, , isNumber, text] = COLUMNS[name];
    const shown = shortText(String(text(this.data, place)), 160);
    const attributes = { class: `cell c-${name}${isNumber ? " num" : ""}`, role: "cell" };
    if (name !== "id") return el("div", attributes, shown);
    const link = el("a", { href: `#samples?s=${this.data.key(place)}`, "data-place": place, title: shown, on: { click: this.opener(place) } }, shown);
    return el("div", attributes, link);
  }

  opener(place) {
    return (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      event.stopPropagation();
      this.open(place);
    };
  }

  secondLine(place) {
    return el("div", { class: "cell second", role: "cell" }, shortText(this.data.columns.question[place] || "", 160));
  }

  // Mark the row of an open sample (-1: none is open) and scroll so that it can be seen.
  choose(place) {
    this.current = place;
    const number = this.places.indexOf(place);
    const top = number * this.rowHeight;
    const { scrollTop, clientHeight } = this.viewport;
    if (number >= 0 && top < scrollTop) this.viewport.scrollTop = top;
    else if (number >= 0 && top + this.rowHeight > scrollTop + clientHeight) this.viewport.scrollTop = top + this.rowHeight - clientHeight;
    if (this.shownColumns().join() !== this.drawn) this.draw();
    else this.drawRows();
  }
}

function gradeText(value) {
  return value === null || value === undefined ? "" : String(Math.round(value * 10000) / 10000);
}

function flipText(flip) {
  return flip ? t(flip.is === "wrong" ? "flip.wrong" : "flip.right") : "";
}
