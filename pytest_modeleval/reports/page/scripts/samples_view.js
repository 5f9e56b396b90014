// The view of samples: search and filters, the list, and the sample that is open.
import { append, button, byId, el, remember, remembered, replace, whole } from "./dom.js";
import { filterFromAddress, filterToAddress, noFilter, RANGES, searchWords, selected } from "./filters.js";
import { COLUMNS, SampleList, USUAL_COLUMNS } from "./sample_list.js";
import { currentLanguage, kindLabel, t } from "./texts.js";
import { sampleView } from "./transcript.js";
import { shortText } from "./safe_text.js";

const TYPING_MS = 80;
// In an address, the first sample of the list.
const FIRST = "first";
// The width below which an open sample hides the list.
const ONE_PANE = window.matchMedia("(max-width: 60rem)");

export class SamplesView {
  constructor(data) {
    this.data = data;
    this.filter = noFilter();
    this.open = "";
    this.places = [];
    this.isRaw = remembered("raw") === "yes";
    this.columns = (remembered("columns") || "").split(",").filter((name) => COLUMNS[name]);
    if (!this.columns.length) this.columns = USUAL_COLUMNS;
    this.list = new SampleList(byId("sample-list"), data, {
      open: (place) => this.openSample(place),
      sortBy: (column) => this.sortBy(column),
    });
    this.search = byId("search");
    this.search.addEventListener("input", () => this.typed());
    this.search.addEventListener("keydown", (event) => event.key === "Enter" && this.search.blur());
    this.progress = byId("search-progress");
  }

  // Show what an address says: its filter and its open sample.
  async show(parameters) {
    this.open = parameters.get("s") || "";
    const filter = filterFromAddress(parameters);
    const isNew = filterToAddress(filter).toString() !== this.shownFilter;
    this.filter = filter;
    if (document.activeElement !== this.search) this.search.value = filter.q;
    if (isNew) {
      this.drawFilters();
      await this.apply();
    }
    if (this.open === FIRST && this.places.length) {
      this.open = ONE_PANE.matches ? "" : this.data.key(this.places[0]);
      history.replaceState(null, "", this.address());
    }
    await this.drawSample();
  }

  address(changes = {}) {
    const parameters = filterToAddress({ ...this.filter, ...changes });
    const open = "open" in changes ? changes.open : this.open;
    // The key of a sample is encoded already, and stays readable this way.
    return `#samples?${parameters}${open ? `${parameters.size ? "&" : ""}s=${open}` : ""}`;
  }

  go(changes, { isStep = false } = {}) {
    const address = this.address(changes);
    if (isStep) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    return this.show(parametersOf(address));
  }

  typed() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.go({ q: this.search.value }, { isStep: true }), TYPING_MS);
  }

  async apply() {
    const turn = (this.turn = (this.turn || 0) + 1);
    this.shownFilter = filterToAddress(this.filter).toString();
    const words = searchWords(this.filter.q);
    const found = words.length ? await this.data.search(words) : null;
    if (turn !== this.turn) return;
    this.places = selected(this.data, this.filter, found);
    this.drawList();
  }

  drawList() {
    const current = this.data.placeOf(this.open);
    this.list.show(this.places, { columns: this.columns, sort: this.filter.sort, current });
    byId("sample-count").textContent = this.data.isIndexed ? t("list.count", whole(this.places.length), whole(this.data.count)) : "";
    byId("sample-none").hidden = this.places.length > 0 || !this.data.isIndexed;
    this.drawProgress();
  }

  drawProgress() {
    const isWaiting = Boolean(this.filter.q) && !this.data.isLoaded;
    this.progress.textContent = isWaiting ? t("search.loading", whole(this.data.loaded), whole(this.data.count)) : "";
  }

  // Chunks have arrived: a search or an open sample may need them.
  async loaded() {
    if (this.filter.q) await this.apply();
    if (this.open && !this.record) await this.drawSample();
    this.drawProgress();
  }

  // There are more samples than before.
  async grown() {
    this.drawFilters();
    await this.apply();
  }

  async refresh() {
    this.drawColumnChoice();
    this.drawFilters();
    await this.apply();
    await this.drawSample();
  }

  sortBy(column) {
    const sort = this.filter.sort;
    const first = COLUMNS[column][2] ? `-${column}` : column;
    const second = COLUMNS[column][2] ? column : `-${column}`;
    return this.go({ sort: sort === first ? second : sort === second ? "" : first }, { isStep: true });
  }

  openSample(place) {
    return this.go({ open: this.data.key(place) }, { isStep: Boolean(this.open) });
  }

  step(by) {
    if (!this.places.length) return;
    const at = this.places.indexOf(this.data.placeOf(this.open));
    const next = at < 0 ? 0 : Math.min(this.places.length - 1, Math.max(0, at + by));
    this.openSample(this.places[next]);
  }

  toggleRaw() {
    this.isRaw = !this.isRaw;
    remember("raw", this.isRaw ? "yes" : "no");
    return this.drawSample();
  }

  close() {
    const place = this.data.placeOf(this.open);
    this.go({ open: "" });
    byId("sample-list").querySelector(`a[data-place="${place}"]`)?.focus();
  }

  async drawSample() {
    const pane = byId("sample");
    const place = this.data.placeOf(this.open);
    byId("samples").classList.toggle("has-sample", place >= 0);
    pane.hidden = place < 0;
    this.record = null;
    if (place < 0) {
      replace(pane, []);
      this.list.choose(-1);
      return;
    }
    const turn = (this.sampleTurn = (this.sampleTurn || 0) + 1);
    const record = await this.data.record(place);
    if (turn !== this.sampleTurn) return;
    this.record = record;
    const steps = {
      previous: () => this.step(-1),
      next: () => this.step(1),
      close: () => this.close(),
      raw: () => this.toggleRaw(),
    };
    replace(pane, sampleView(this.data, place, record, { isRaw: this.isRaw, steps }));
    pane.scrollTop = 0;
    this.list.choose(place);
  }

  drawFilters() {
    const focused = document.activeElement?.dataset?.filter;
    this.drawControls();
    if (focused) byId("filters").querySelector(`[data-filter="${focused}"]`)?.focus();
  }

  drawControls() {
    const { data, filter } = this;
    const kinds = countsOf(data, "kind");
    replace(byId("kind-filter"), data.names.kind?.map((kind, code) => this.kindButton(kind, code, kinds[code])));
    const state = JSON.stringify([filter, currentLanguage(), data.names, data.flips.size]);
    if (state === this.drawnControls) return;
    this.drawnControls = state;
    replace(
      byId("more-filters"),
      this.choice("benchmark", data.names.benchmark || []),
      this.choice("subset", subsetsOf(data, filter.benchmark)),
      this.choice("cause", (data.names.cause || []).filter(Boolean)),
      data.flips.size > 0 && this.choice("flip", ["wrong", "right", "any"], (value) => t(`flip.${value}`)),
      RANGES.map((name) => this.range(name)),
      button(t("filter.reset"), () => this.go({ ...noFilter(), sort: filter.sort }), { class: "reset" }),
    );
  }

  kindButton(kind, code, count) {
    const { kinds } = this.filter;
    const isOn = kinds.includes(kind);
    const next = isOn ? kinds.filter((name) => name !== kind) : [...kinds, kind];
    return button([`${kindLabel(kind)} `, el("b", {}, whole(count))], () => this.go({ kinds: next }), {
      class: `kind k-${kind}`,
      "data-filter": `kind-${code}`,
      "aria-pressed": String(isOn),
      disabled: !count && !isOn,
    });
  }

  choice(name, values, label = (value) => shortText(value, 60)) {
    if (values.length < 2 && !this.filter[name]) return null;
    const select = el("select", { "data-filter": name, on: { change: () => this.go({ [name]: select.value }) } }, el("option", { value: "" }, t("filter.all")));
    for (const value of values) append(select, el("option", { value }, label(value)));
    select.value = this.filter[name];
    return el("label", { class: "choice" }, el("span", {}, t(`column.${name}`)), select);
  }

  range(name) {
    const [low, high] = this.filter.ranges[name] || [null, null];
    const ends = [low, high].map((value, end) =>
      el("input", { type: "number", "data-filter": `${name}-${end}`, min: 0, step: "any", value, "aria-label": `${t(`column.${name}`)} ${t(end ? "filter.most" : "filter.least")}` }),
    );
    const change = () => this.go({ ranges: { ...this.filter.ranges, [name]: ends.map((end) => (end.value === "" ? null : Number(end.value))) } });
    for (const end of ends) end.addEventListener("change", change);
    return el("div", { class: "choice range" }, el("span", {}, t(`column.${name}`)), el("span", {}, ends[0], "–", ends[1]));
  }

  drawColumnChoice() {
    const boxes = Object.keys(COLUMNS).map((name) => {
      const box = el("input", { type: "checkbox", checked: this.columns.includes(name), on: { change: () => this.chooseColumn(name, box.checked) } });
      return el("label", {}, box, t(`column.${name}`));
    });
    replace(byId("column-choice"), boxes);
  }

  chooseColumn(name, isOn) {
    const chosen = Object.keys(COLUMNS).filter((column) => (column === name ? isOn : this.columns.includes(column)));
    this.columns = chosen.includes("id") ? chosen : [...chosen, "id"];
    remember("columns", this.columns.join(","));
    this.drawList();
  }
}

export function parametersOf(address) {
  return new URLSearchParams(
    address.split("?").slice(1).join("?").replace(/(^|&)s=([^&]*)/, (_, before, key) => `${before}s=${encodeURIComponent(key)}`),
  );
}

function countsOf(data, column) {
  const counts = (data.names[column] || []).map(() => 0);
  for (const code of data.columns[column] || []) counts[code] += 1;
  return counts;
}

function subsetsOf(data, benchmark) {
  if (!benchmark) return data.names.subset || [];
  const code = data.names.benchmark.indexOf(benchmark);
  const found = new Set();
  data.columns.benchmark.forEach((own, place) => own === code && found.add(data.columns.subset[place]));
  return [...found].map((subset) => data.names.subset[subset]);
}
