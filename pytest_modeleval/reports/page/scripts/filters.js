// Which samples are shown, and in which order. Pure: no element is touched here.

export const RANGES = ["tokens", "total_s", "value"];
const PLAIN = ["q", "benchmark", "subset", "cause", "flip", "sort"];

export function noFilter() {
  return { q: "", kinds: [], benchmark: "", subset: "", cause: "", flip: "", sort: "", ranges: {} };
}

export function filterFromAddress(parameters) {
  const filter = noFilter();
  for (const name of PLAIN) filter[name] = parameters.get(name) || "";
  filter.kinds = (parameters.get("kind") || "").split(",").filter(Boolean);
  for (const name of RANGES) {
    const [low, high] = (parameters.get(name) || "").split("..").map(numberOrNull);
    if (low !== null || (high ?? null) !== null) filter.ranges[name] = [low, high ?? null];
  }
  return filter;
}

export function filterToAddress(filter) {
  const parameters = new URLSearchParams();
  for (const name of PLAIN) if (filter[name]) parameters.set(name, filter[name]);
  if (filter.kinds.length) parameters.set("kind", filter.kinds.join(","));
  for (const [name, [low, high]] of Object.entries(filter.ranges)) parameters.set(name, `${low ?? ""}..${high ?? ""}`);
  return parameters;
}

// Words of a search: separated by spaces; what stands in double quotes is one.
export function searchWords(query) {
  const words = query.toLowerCase().match(/"[^"]+"|[^\s"]+/g) || [];
  return words.map((word) => word.replaceAll('"', ""));
}

// The places of the samples that pass, in the order of the filter. found: those that the search found, null for all.
export function selected(data, filter, found) {
  const tests = testsOf(data, filter);
  const all = found || Array.from({ length: data.count }, (_, place) => place);
  const places = Array.from(all).filter((place) => place < data.count && tests.every((test) => test(place)));
  return sorted(data, places, filter.sort);
}

function testsOf(data, filter) {
  const tests = [];
  for (const name of ["benchmark", "subset", "cause"]) {
    if (!filter[name]) continue;
    const code = (data.names[name] || []).indexOf(filter[name]);
    tests.push((place) => data.columns[name][place] === code);
  }
  if (filter.kinds.length) {
    const codes = new Set(filter.kinds.map((kind) => (data.names.kind || []).indexOf(kind)));
    tests.push((place) => codes.has(data.columns.kind[place]));
  }
  if (filter.flip) tests.push((place) => isFlip(data, place, filter.flip));
  for (const [name, [low, high]] of Object.entries(filter.ranges)) {
    const column = data.columns[name] || [];
    tests.push((place) => isWithin(column[place], low, high));
  }
  return tests;
}

function isFlip(data, place, wanted) {
  const flip = data.flips.get(place);
  return flip !== undefined && (wanted === "any" || flip.is === wanted);
}

function isWithin(value, low, high) {
  if (value === null || value === undefined) return false;
  return (low === null || value >= low) && (high === null || value <= high);
}

function sorted(data, places, sort) {
  const column = sort.replace(/^-/, "");
  if (!column || !data.columns[column]) return places;
  const ranks = data.rank(column);
  const sign = sort.startsWith("-") ? -1 : 1;
  return places.sort((a, b) => {
    const [left, right] = [ranks[a], ranks[b]];
    if (Number.isNaN(left) || Number.isNaN(right)) return Number.isNaN(left) - Number.isNaN(right) || a - b;
    return sign * (left - right) || a - b;
  });
}

function numberOrNull(text) {
  const number = Number(text);
  return text === undefined || text.trim() === "" || Number.isNaN(number) ? null : number;
}
