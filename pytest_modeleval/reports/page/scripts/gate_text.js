// Verdicts of gates in another language than English, made from their figures: the document has the English sentence.
import { el, whole } from "./dom.js";
import { currentLanguage, t } from "./texts.js";

const GATE_KINDS = ["floor", "ceiling", "regression", "judge"];
const gateOriginals = new Map();

// gates: those of summary.json, in the order of the document.
export function translateGates(gates) {
  for (const node of document.querySelectorAll("[data-gate-label], [data-gate-reason]")) {
    if (!gateOriginals.has(node)) gateOriginals.set(node, { content: [...node.childNodes], fold: el("details", { class: "fold" }) });
    const { content, fold } = gateOriginals.get(node);
    const { gateLabel, gateReason } = node.dataset;
    const gate = gates[Number(gateLabel ?? gateReason)];
    fold.remove();
    node.replaceChildren(...content);
    node.lang = "en";
    if (currentLanguage() === "en" || !gate) continue;
    const text = gateLabel === undefined ? gateSentence(gate) : t(`verdict.${gate.verdict}`);
    if (!text) continue;
    node.lang = document.documentElement.lang;
    node.replaceChildren(text);
    if (gateLabel !== undefined) continue;
    fold.replaceChildren(el("summary", {}, t("gate.original")), el("p", { lang: "en" }, content));
    node.after(fold);
  }
}

// "" for a gate that saw nothing, where only words say why, and for a kind that is not known here.
export function gateSentence(gate) {
  if (typeof gate.score !== "number" || !GATE_KINDS.includes(gate.kind)) return "";
  return t("gate.sentence", [gateSeen(gate), ...gateAgainst(gate), gateChance(gate), gateSight(gate)].filter(Boolean).join(t("gate.comma")));
}

function gateSeen(gate) {
  const name = gate.measure ? `${gate.measure} ${gateNumber(gate.score)}` : t("gate.value", gateNumber(gate.score));
  if (typeof gate.low !== "number" || typeof gate.high !== "number") return t("gate.seen_bare", name, whole(gate.n));
  return t("gate.seen", name, gateNumber(gate.low), gateNumber(gate.high), whole(gate.n));
}

function gateAgainst(gate) {
  const state = gate.verdict === "failed" ? "failed" : "passed";
  if (gate.kind !== "regression") return gate.verdict === "cannot judge" ? [] : [t(`gate.${gate.kind}.${state}`, gateNumber(gate.limit))];
  const flips = typeof gate.newly_wrong === "number" && t("gate.flips", whole(gate.newly_wrong), whole(gate.newly_right));
  return [gateChange(gate), flips, gate.verdict !== "cannot judge" && gateBeyond(gate, state)];
}

function gateChange({ drop }) {
  if (typeof drop !== "number") return "";
  const size = gatePoints(Math.abs(drop));
  if (Number(size) === 0) return t("gate.same");
  return t(drop > 0 ? "gate.fell" : "gate.rose", size);
}

function gateBeyond({ drop, limit }, state) {
  if (state === "passed" && !(drop > 0)) return "";
  return limit && typeof drop === "number" ? t(`gate.margin.${state}`, gatePoints(limit)) : t(`gate.chance.${state}`);
}

function gateChance({ adjusted_p: p, alpha, kind, verdict }) {
  if (typeof p === "number") return t("gate.p", p < 0.0001 ? "<0.0001" : String(Number(p.toPrecision(2))), String(alpha));
  return kind === "judge" || verdict === "cannot judge" ? "" : t("gate.bare");
}

function gateSight({ detectable, kind, verdict }) {
  const found = typeof detectable === "number" ? t(kind === "regression" ? "gate.detects_drop" : "gate.detects_distance", gatePoints(detectable)) : "";
  return [found, verdict === "cannot judge" && t("gate.too_few")].filter(Boolean).join(t("gate.comma"));
}

function gatePoints(value) {
  return (value * 100).toFixed(1);
}

function gateNumber(value) {
  if (typeof value !== "number") return "";
  return value >= 0 && value <= 1 ? value.toFixed(4) : String(Number(value.toPrecision(4)));
}
