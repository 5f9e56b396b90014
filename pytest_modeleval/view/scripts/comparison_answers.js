// What every run of a comparison answered to one question: all repeats, and the reply of those that are open.
import { el, replace, whole } from "./dom.js";
import { read } from "./frame.js";
import { renderedText, shortText } from "./safe_text.js";
import { t } from "./texts.js";

// Elements: the question, its target, and a box for each side. given: the address of the question.
export async function answersOf(sides, given) {
  const found = await Promise.all(sides.map((side) => readSide(side, given)));
  const known = found.map(({ record }) => record).find(Boolean);
  return [
    known?.question && [el("h2", {}, t("compare.question")), renderedText(known.question)],
    known?.target && el("p", {}, el("b", {}, t("compare.target")), " ", shortText(known.target, 2000)),
    el("div", { class: "sides" }, sides.map((side, number) => sideBox(side, found[number], given))),
  ];
}

// The repeats of a side, and the record of the one that is open at first: the first that is not right.
async function readSide(side, given) {
  try {
    const { repeats } = await read(`/runs/${side.key}/question?${given}`);
    const open = (repeats.find(({ kind }) => kind !== "right") || repeats[0]).repeat;
    return { repeats, open, record: await readSample(side, given, open) };
  } catch (error) {
    return { repeats: [], problem: error.status === 404 ? t("compare.missing") : shortText(String(error.message), 500) };
  }
}

function readSample(side, given, repeat) {
  return read(`/runs/${side.key}/sample?${given}&repeat=${repeat}`);
}

function sideBox(side, { repeats, open, record, problem }, given) {
  const letter = el("span", {}, `${side.letter} ${shortText(side.name, 80)}`);
  if (problem) return el("div", { class: "side" }, el("h3", {}, letter), el("p", { class: "quiet" }, problem));
  if (repeats.length === 1) return el("div", { class: "side" }, el("h3", {}, letter, kindChip(record.kind)), reply(side, record));
  const right = repeats.filter(({ kind }) => kind === "right").length;
  const head = el("h3", {}, letter, el("span", { class: "quiet" }, t("compare.repeats_right", whole(right), whole(repeats.length))));
  return el("div", { class: "side" }, head, repeats.map((entry) => repeatFold(side, entry, entry.repeat === open ? record : null, given)));
}

// A repeat is read when its fold is opened.
function repeatFold(side, { repeat, kind, answer }, record, given) {
  const inside = el("div", {}, record && reply(side, record));
  let isRead = Boolean(record);
  const fold = el("details", { class: "fold repeat", open: Boolean(record) }, el("summary", {}, `r${repeat}`, " ", kindChip(kind), " ", el("span", { class: "quiet" }, shortText(answer, 80))), inside);
  fold.addEventListener("toggle", async () => {
    if (isRead || !fold.open) return;
    isRead = true;
    try {
      replace(inside, reply(side, await readSample(side, given, repeat)));
    } catch (error) {
      isRead = false;
      replace(inside, el("p", { class: "problem" }, shortText(String(error.message), 500)));
    }
  });
  return fold;
}

function kindChip(kind) {
  return el("span", { class: `chip k-${kind}` }, t(`kind.${kind}`));
}

function reply(side, record) {
  const said = record.exchanges?.at(-1)?.reply || {};
  const calls = (said.tool_calls || []).map((call) => renderedText(`${call.name}(${call.arguments})`));
  const address = `/runs/${side.key}/#samples?s=${[record.benchmark, record.subset, record.id].map((part) => encodeURIComponent(String(part).toWellFormed())).join("/")}`;
  return [
    record.answer && el("p", {}, el("b", {}, t("compare.answer")), " ", shortText(record.answer, 2000)),
    record.explanation && el("p", { class: "quiet" }, shortText(record.explanation, 1000)),
    said.reasoning && el("details", { class: "fold" }, el("summary", {}, t("compare.thinking", whole(said.reasoning.length))), renderedText(said.reasoning)),
    said.content && renderedText(said.content),
    calls,
    el("p", {}, el("a", { href: address }, t("compare.open"))),
  ];
}
