// One sample: the question, the answer next to the target, the exchanges with the model, and how to ask again.
import { append, button, el, replace, seconds, whole } from "./dom.js";
import { pictureOf, pictures, pictureView } from "./pictures.js";
import { appendText, highlightedCode, rawText, renderedText, shortText, visibleText } from "./safe_text.js";
import { kindLabel, t } from "./texts.js";

/* global Diff */
const MOST_COMPARED = 2000;

// record: the sample's JSON; null while it is loading. isRaw: texts as they came. steps: {previous, next, close, raw}.
export function sampleView(data, place, record, { isRaw, steps }) {
  const shown = isRaw ? rawText : renderedText;
  const kind = data.value("kind", place);
  const node = el("article", { class: `sample k-${kind}`, "aria-labelledby": "sample-title" });
  append(node, toolbar(data, place, isRaw, steps), facts(data, place));
  if (record === null) return append(node, el("p", { class: "quiet" }, t("sample.loading")));
  append(node, changed(data.flips.get(place)), section("question", shown(record.question || ""), questionPictures(data.source, record)), compared(record));
  if (record.explanation) append(node, labelled("p", "why", record.explanation));
  append(node, measures(record.measures), exchanges(data.source, record, shown), judgements(record, shown), attempts(record), requests(data, record));
  return node;
}

function toolbar(data, place, isRaw, steps) {
  return el(
    "header",
    { class: "sample-head" },
    el("h2", { id: "sample-title", tabindex: "-1" }, el("bdi", {}, shortText(data.columns.id[place], 200))),
    el(
      "div",
      { class: "buttons" },
      button("↑", steps.previous, { "aria-label": t("sample.previous"), title: `${t("sample.previous")} (k)` }),
      button("↓", steps.next, { "aria-label": t("sample.next"), title: `${t("sample.next")} (j)` }),
      button(t("sample.raw"), steps.raw, { "aria-pressed": String(isRaw), title: `${t("sample.raw_hint")} (r)` }),
      button(t("sample.link"), copier(() => location.href)),
      button("×", steps.close, { "aria-label": t("sample.close"), title: `${t("sample.close")} (Esc)` }),
    ),
  );
}

function facts(data, place) {
  const { columns } = data;
  const kind = data.value("kind", place);
  const value = columns.value[place];
  const cause = data.value("cause", place);
  const rows = [
    [el("span", { class: `chip k-${kind}` }, kindLabel(kind))],
    cause && cause !== kind && [el("bdi", { class: "mono" }, shortText(cause, 200))],
    value > 0 && value < 1 && [t("sample.credit", Math.round(value * 10000) / 10000)],
    [el("bdi", {}, shortText(`${data.value("benchmark", place)} / ${data.value("subset", place)}`, 200))],
    columns.tokens[place] !== null && [t("sample.tokens", whole(columns.tokens[place]))],
    columns.reasoning_tokens[place] && [t("sample.reasoning_tokens", whole(columns.reasoning_tokens[place]))],
    columns.total_s[place] !== null && [seconds(columns.total_s[place])],
    columns.first_token_s[place] !== null && [t("sample.first_token", seconds(columns.first_token_s[place]))],
    data.value("finish_reason", place) && [t("sample.finish", shortText(data.value("finish_reason", place), 60))],
  ];
  return el("ul", { class: "facts" }, rows.filter(Boolean).map((row) => el("li", {}, row)));
}

function changed(flip) {
  if (!flip) return null;
  const answers = [["flip.old", flip.old], ["flip.new", flip.new]];
  return el(
    "section",
    { class: `flip ${flip.is}` },
    el("h3", {}, t(flip.is === "wrong" ? "flip.wrong" : "flip.right")),
    el("dl", { class: "pair" }, answers.map(([name, answer]) => pairRow(t(name), answer ?? null))),
  );
}

function pairRow(name, value) {
  const shown = value === null ? el("span", { class: "quiet" }, t("sample.none_found")) : appendText(el("span"), valueText(value));
  return el("div", {}, el("dt", {}, name), el("dd", { dir: "auto" }, shown));
}

// Expected and extracted answer below each other, with what differs marked.
function compared(record) {
  const target = record.target === null || record.target === undefined ? null : valueText(record.target);
  const answer = record.answer ?? null;
  const rows = el("dl", { class: "pair" });
  const parts = target !== null && answer !== null && target !== answer ? difference(target, answer) : null;
  const isMarked = parts !== null && parts.some((part) => !part.added && !part.removed);
  if (target !== null) append(rows, isMarked ? markedRow(t("sample.target"), parts, "removed") : pairRow(t("sample.target"), target));
  append(rows, isMarked ? markedRow(t("sample.answer"), parts, "added") : pairRow(t("sample.answer"), answer));
  return section("answer", rows);
}

function difference(target, answer) {
  if (target.length > MOST_COMPARED || answer.length > MOST_COMPARED) return null;
  const compare = target.length + answer.length < 200 ? Diff.diffChars : Diff.diffWordsWithSpace;
  return compare(target, answer, { maxEditLength: 400, timeout: 100 }) || null;
}

function markedRow(name, parts, own) {
  const other = own === "added" ? "removed" : "added";
  const pieces = parts
    .filter((part) => !part[other])
    .map((part) => appendText(el(part[own] ? "mark" : "span", { class: part[own] ? own : null }), part.value));
  return el("div", {}, el("dt", {}, name), el("dd", { dir: "auto" }, pieces));
}

function measures(found) {
  const entries = Object.entries(found || {});
  if (!entries.length) return null;
  const text = (value) => (Array.isArray(value) ? value.join(" / ") : String(value));
  return section("measures", el("dl", { class: "rows" }, entries.map(([name, value]) => pairRow(shortText(name, 100), text(value)))));
}

// An exchange that continues another (`after`) has only the messages that were added to it.
function exchanges(source, record, shown) {
  const found = record.exchanges || [];
  const node = el("section", { class: "transcript" }, el("h3", {}, t("sample.transcript")));
  const all = found.flatMap((exchange) => exchange.messages || []);
  found.forEach((exchange, number) => {
    if (found.length > 1) append(node, el("h4", { class: "turn" }, t("sample.turn", number + 1, found.length)));
    const messages = exchange.messages || [];
    // The reply of the turn before is shown there.
    const isEcho = exchange.after === number - 1 && messages.length > 0 && messages[0].role === "assistant";
    append(node, (isEcho ? messages.slice(1) : messages).map((message) => messageBlock(message, shown, all, (file) => pictureView(source, file, factsOf(exchange, file)))));
    if (exchange.path) append(node, el("p", { class: "mono" }, shortText(exchange.path, 100)));
    append(node, offeredTools(exchange.tools), replyBlocks(exchange.reply || {}, shown));
  });
  if (!found.length) append(node, el("p", { class: "quiet" }, t("sample.not_asked")));
  if (record.left_out) append(node, el("p", { class: "quiet" }, t("sample.left_out", record.left_out)));
  return node;
}

function questionPictures(source, record) {
  const first = (record.exchanges || [])[0];
  return first ? pictures(source, listed(first.images)) : null;
}

function factsOf(exchange, file) {
  return listed(exchange.images).find((image) => image && image.file === file) || null;
}

// show: path of a picture -> its element.
function messageBlock(message, shown, all, show) {
  const role = typeof message.role === "string" ? message.role : "message";
  const caller = role === "tool" ? calledName(message.tool_call_id, all) : "";
  const label = role === "tool" ? t("role.tool", caller) : ["system", "user", "assistant"].includes(role) ? t(`role.${role}`) : role;
  const parts = messageParts(message.content);
  return el(
    "div",
    { class: `message r-${["system", "user", "assistant", "tool"].includes(role) ? role : "other"}` },
    el("h4", {}, el("bdi", {}, shortText(label, 100))),
    message.reasoning_content && folded(t("sample.thinking", whole(String(message.reasoning_content).length)), () => shown(String(message.reasoning_content))),
    parts.map(({ text, file }) => (file ? show(file) : text && (role === "tool" ? toolResult(text) : shown(text, label)))),
    listed(message.tool_calls).map(callBlock),
  );
}

function toolResult(text) {
  const parsed = parsedJson(text);
  return parsed === undefined ? rawText(text) : highlightedCode(jsonText(parsed, 1), "json");
}

function calledName(id, messages) {
  for (const message of messages)
    for (const call of listed(message.tool_calls)) if (call && call.id === id) return String((call.function || call).name ?? "");
  return "";
}

// The content of a message, which may be a list of parts, as texts and pictures in their order.
function messageParts(content) {
  if (!Array.isArray(content) || !content.some(pictureOf)) return [{ text: messageText(content) }];
  return content.map((part) => (pictureOf(part) ? { file: pictureOf(part) } : { text: messageText([part]) }));
}

// The text of a message's content, which may be a list of parts.
function messageText(content) {
  if (content === null || content === undefined) return "";
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return jsonText(content);
  return content.map((part) => (part && typeof part.text === "string" ? part.text : jsonText(part))).join("\n");
}

function replyBlocks(reply, shown) {
  const thinking = reply.reasoning || "";
  const calls = listed(reply.tool_calls);
  return el(
    "div",
    { class: "message r-reply" },
    el("h4", {}, t("role.reply"), reply.finish_reason && el("span", { class: "quiet" }, shortText(String(reply.finish_reason), 60))),
    thinking && folded(t("sample.thinking", whole(thinking.length)), () => shown(thinking)),
    reply.content ? shown(reply.content, t("role.reply")) : !calls.length && el("p", { class: "quiet" }, t("sample.empty")),
    calls.map(callBlock),
  );
}

function callBlock(call) {
  const made = (call && call.function) || call || {};
  if (typeof made.name !== "string") return highlightedCode(jsonText(call, 1), "json");
  const text = valueText(made.arguments ?? "");
  const parsed = parsedJson(text);
  return el(
    "div",
    { class: "call" },
    el("p", { class: "call-name" }, t("sample.calls"), " ", el("bdi", { class: "mono" }, shortText(made.name, 200))),
    parsed === undefined ? rawText(text) : highlightedCode(jsonText(parsed, 1), "json"),
  );
}

function offeredTools(tools) {
  if (!tools || !tools.length) return null;
  return folded(t("sample.tools", tools.length), () => tools.map(toolBlock));
}

function toolBlock(tool) {
  const described = (tool && tool.function) || tool || {};
  if (typeof described.name !== "string") return highlightedCode(jsonText(tool, 1), "json");
  return el(
    "div",
    { class: "call" },
    el("p", { class: "call-name" }, el("bdi", { class: "mono" }, shortText(described.name, 200))),
    typeof described.description === "string" && appendText(el("p", { dir: "auto" }), described.description),
    folded(t("sample.parameters"), () => highlightedCode(jsonText(described.parameters ?? null, 1), "json")),
  );
}

function judgements(record, shown) {
  const found = record.judgements || [];
  if (!found.length) return null;
  return section("judge", found.map((judged) => judgeBlock(judged, shown)));
}

function judgeBlock(judged, shown) {
  return el(
    "div",
    { class: "message r-reply" },
    el("h4", {}, el("bdi", {}, shortText(`${judged.role ?? ""} ${judged.model ?? ""}`, 150))),
    folded(t("sample.judge_request"), () => shown(valueText(judged.request ?? ""))),
    shown(valueText(judged.reply ?? "")),
  );
}

function attempts(record) {
  const found = record.attempts || [];
  if (!found.length) return null;
  const text = ({ kind, cause, message, time }) => [time, kindLabel(kind), cause !== kind && cause, message].filter(Boolean).join(" · ");
  return section("attempts", el("ol", {}, found.map((attempt) => appendText(el("li", { dir: "auto" }), text(attempt)))));
}

function requests(data, record) {
  const body = requestBody(record.exchanges || []);
  if (!body) return null;
  return section(
    "request",
    folded(t("sample.request_body"), () => [button(t("copy"), copier(() => jsonText(body, 2))), highlightedCode(jsonText(body, 2), "json")]),
    (record.exchanges || []).some((exchange) => listed(exchange.images).length) && el("p", { class: "quiet" }, t("sample.curl_images")),
    folded(t("sample.curl"), () => {
      const command = curlCommand(data.source.meta.curl || {}, body);
      return [button(t("copy"), copier(() => command)), rawText(command, "curl")];
    }),
  );
}

// The exact body of the last chat request: its parameters, the messages of the requests that it continues, its tools.
function requestBody(found) {
  let exchange = found.at(-1);
  if (!exchange || exchange.path) return null;
  let messages = exchange.messages || [];
  for (let left = found.length; left > 0 && typeof exchange.after === "number"; left--) {
    exchange = found[exchange.after];
    if (!exchange) return null;
    messages = [...(exchange.messages || []), ...messages];
  }
  const tools = exchange.tools || [];
  return { ...exchange.params, messages, ...(tools.length ? { tools } : {}) };
}

// A key is taken from the shell's variable API_KEY where it is set; no run records one.
function curlCommand({ url }, body) {
  const address = `${url || "http://127.0.0.1:8000/v1"}/chat/completions`;
  // Escapes keep the command readable in any terminal: no character of the model can hide in it.
  const json = JSON.stringify(body).replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const key = '${API_KEY:+-H "Authorization: Bearer $API_KEY"}';
  const quoted = `'${address.replaceAll("'", "'\\''")}'`;
  return `curl -sS ${quoted} -H 'Content-Type: application/json' ${key} --data-binary @- <<'BODY'\n${json}\nBODY`;
}

function copier(text) {
  return async (event) => {
    const pressed = event.currentTarget;
    const label = pressed.textContent;
    try {
      await navigator.clipboard.writeText(text());
      pressed.textContent = t("copied");
    } catch {
      pressed.textContent = t("not_copied");
    }
    setTimeout(() => replace(pressed, label), 1200);
  };
}

// Its content is made when it is opened for the first time.
function folded(label, content) {
  const node = el("details", { class: "fold" }, el("summary", {}, label));
  node.addEventListener("toggle", () => node.open && node.childElementCount === 1 && append(node, content()));
  return node;
}

function section(name, ...content) {
  return el("section", { class: `part p-${name}` }, el("h3", {}, t(`part.${name}`)), content);
}

function labelled(tag, name, text) {
  return appendText(el(tag, { class: name, dir: "auto" }), text);
}

// What a message holds has whatever type the server gave it.
function listed(value) {
  return Array.isArray(value) ? value : [];
}

function valueText(value) {
  return typeof value === "string" ? value : jsonText(value);
}

function jsonText(value, indent = 0) {
  try {
    return JSON.stringify(value, null, indent) ?? "";
  } catch (error) {
    return visibleText(String(error));
  }
}

function parsedJson(text) {
  try {
    const found = JSON.parse(text);
    return found !== null && typeof found === "object" ? found : undefined;
  } catch {
    return undefined;
  }
}
