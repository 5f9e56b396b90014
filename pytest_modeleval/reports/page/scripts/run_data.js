// All samples of a run: light columns in this thread, everything else in a worker.
import { byId } from "./dom.js";

const EMPTY = { count: 0, names: {}, columns: {}, chunks: [] };

export class RunData {
  constructor(source) {
    this.source = source;
    this.summary = source.meta.summary;
    this.waiting = new Map();
    this.calls = 0;
    this.loaded = 0;
    this.isIndexed = false;
    // Raised whenever rows that were known may be others.
    this.version = 0;
    this.known = [];
    this.ranks = new Map();
    this.setIndex(EMPTY);
    this.worker = new Worker(workerAddress());
    this.worker.onmessage = (event) => this.settle(event.data);
  }

  // The rows of `index` that are known already are the same as before where it is a longer one.
  setIndex(index, { isLonger = false } = {}) {
    this.index = index;
    this.count = index.count;
    this.names = index.names;
    this.columns = index.columns;
    this.ranks.clear();
    if (!isLonger) {
      this.places = new Map();
      this.version += 1;
    }
    this.flips = flipsOf(this);
  }

  async loadIndex() {
    const found = await this.source.index(this.index);
    if (found.from) this.setIndex({ ...found, columns: longer(this.columns, found.columns) }, { isLonger: true });
    else this.setIndex(found);
    this.isIndexed = true;
  }

  // Give the worker every chunk that it does not have yet; `progress` is called after each, and ends it with true.
  async loadChunks(progress) {
    for (const [number, chunk] of this.index.chunks.entries()) {
      if (this.known[number] === chunk.id) continue;
      const data = await this.source.chunk(number);
      await this.call({ call: "add", number, start: chunk.start, ...data });
      this.known[number] = chunk.id;
      this.loaded = chunk.start + chunk.count;
      if (progress()) return;
    }
  }

  get isLoaded() {
    return this.loaded >= this.count;
  }

  call(message) {
    return new Promise((resolve, reject) => {
      const id = this.calls++;
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ ...message, id });
    });
  }

  settle({ id, result, error }) {
    const { resolve, reject } = this.waiting.get(id);
    this.waiting.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  }

  search(words) {
    return this.call({ call: "search", words });
  }

  // Everything about one sample; null while its chunk is not there.
  async record(place) {
    const number = this.index.chunks.findLastIndex((chunk) => chunk.start <= place);
    if (number < 0 || this.known[number] === undefined) return null;
    const line = await this.call({ call: "record", number, row: place - this.index.chunks[number].start });
    return JSON.parse(line);
  }

  // The text behind a coded column, or the value itself.
  value(column, place) {
    const value = this.columns[column][place];
    return this.names[column] ? this.names[column][value] : value;
  }

  // "benchmark/subset/id": how addresses name a sample.
  key(place) {
    return [this.value("benchmark", place), this.value("subset", place), this.columns.id[place]]
      .map((part) => encodeURIComponent(String(part).toWellFormed()))
      .join("/");
  }

  placeOf(key) {
    if (!key) return -1;
    for (let place = this.places.size; place < this.count; place++) this.places.set(this.key(place), place);
    return this.places.get(key) ?? -1;
  }

  // The rank of every sample by a column; texts are compared with numbers inside of them as numbers.
  rank(column) {
    if (!this.ranks.has(column)) this.ranks.set(column, ranksOf(this, column));
    return this.ranks.get(column);
  }
}

function longer(columns, more) {
  for (const [name, values] of Object.entries(more)) for (const value of values) columns[name].push(value);
  return columns;
}

function ranksOf(data, column) {
  const values = data.columns[column];
  const collator = new Intl.Collator("en", { numeric: true });
  const shown = data.names[column] ? values.map((code) => data.names[column][code]) : values;
  const isKnown = (place) => shown[place] !== null && shown[place] !== undefined && shown[place] !== "";
  const order = Array.from(values.keys()).filter(isKnown);
  const isText = order.length > 0 && typeof shown[order[0]] === "string";
  order.sort((a, b) => (isText ? collator.compare(shown[a], shown[b]) : shown[a] - shown[b]));
  // What is not known comes last, whichever way the list is sorted: its rank is NaN.
  const ranks = new Float64Array(values.length).fill(NaN);
  let rank = 0;
  order.forEach((place, number) => {
    if (number && shown[place] !== shown[order[number - 1]]) rank = number;
    ranks[place] = rank;
  });
  return ranks;
}

// Samples whose value changed against the baseline that the gates used: place -> {is: "wrong" | "right", old, new}.
function flipsOf(data) {
  const flips = new Map();
  const evidence = (data.summary.gates || []).map((gate) => gate.evidence).filter(Boolean);
  if (!evidence.length || !data.count) return flips;
  const names = new Map();
  for (let place = 0; place < data.count; place++) {
    for (const name of questionNames(data, place)) names.set(name, [...(names.get(name) || []), place]);
  }
  for (const found of evidence) {
    for (const [field, is] of [["newly_wrong", "wrong"], ["newly_right", "right"]]) {
      for (const flip of found[field] || []) {
        const name = JSON.stringify([flip.benchmark, flip.subset, flip.id]);
        for (const place of names.get(name) || []) flips.set(place, { is, old: flip.old, new: flip.new });
      }
    }
  }
  return flips;
}

// A gate compares questions: all repeats of one (its id ends with -r0, -r1, ...) belong to it.
function questionNames(data, place) {
  const [benchmark, subset, id] = [data.value("benchmark", place), data.value("subset", place), data.columns.id[place]];
  const names = [JSON.stringify([benchmark, subset, id])];
  const repeated = /^(.*)-r\d+$/s.exec(id);
  if (repeated) names.push(JSON.stringify([benchmark, subset, repeated[1]]));
  return names;
}

function workerAddress() {
  const address = URL.createObjectURL(new Blob([byId("worker-code").textContent], { type: "text/javascript" }));
  if (!window.trustedTypes) return address;
  return window.trustedTypes.createPolicy("modeleval-worker", { createScriptURL: (url) => url }).createScriptURL(address);
}
