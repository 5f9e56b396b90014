// Runs in a worker: holds the packed chunks and a lower-case text of every sample, and searches it.
"use strict";
const chunks = [];
const LINES_KEPT = 6;
const opened = new Map();

self.onmessage = async (event) => {
  const { call, id } = event.data;
  try {
    self.postMessage({ id, result: await CALLS[call](event.data) });
  } catch (error) {
    self.postMessage({ id, error: String(error) });
  }
};

const CALLS = { add, search, record };

async function add({ number, start, bytes, base64 }) {
  const packed = bytes || bytesOf(base64);
  const lines = await linesOf(packed);
  const texts = lines.map(searchText);
  const starts = new Uint32Array(texts.length);
  let length = 0;
  texts.forEach((text, place) => {
    starts[place] = length;
    length += text.length + 1;
  });
  chunks[number] = { packed, start, starts, text: texts.join("\n") };
  return lines.length;
}

// The numbers of the samples that hold every word.
function search({ words }) {
  const found = [];
  for (const chunk of chunks) {
    if (!chunk) continue;
    let kept = null;
    for (const word of words) {
      const holding = samplesWith(chunk, word);
      kept = kept === null ? holding : common(kept, holding);
      if (!kept.length) break;
    }
    for (const place of kept || []) found.push(chunk.start + place);
  }
  return Int32Array.from(found);
}

function common(some, others) {
  const wanted = new Set(others);
  return some.filter((place) => wanted.has(place));
}

function samplesWith(chunk, word) {
  const places = [];
  let place = 0;
  let at = chunk.text.indexOf(word);
  while (at >= 0) {
    place = lastStart(chunk.starts, at, place);
    places.push(place);
    if (place + 1 >= chunk.starts.length) break;
    at = chunk.text.indexOf(word, chunk.starts[place + 1]);
  }
  return places;
}

// The last sample that starts at or before `at`.
function lastStart(starts, at, low) {
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= at) low = middle;
    else high = middle - 1;
  }
  return low;
}

async function record({ number, row }) {
  let lines = opened.get(number);
  if (!lines) {
    lines = await linesOf(chunks[number].packed);
    opened.set(number, lines);
    if (opened.size > LINES_KEPT) opened.delete(opened.keys().next().value);
  }
  return lines[row];
}

async function linesOf(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const text = await new Response(stream).text();
  return text.endsWith("\n") ? text.slice(0, -1).split("\n") : text.split("\n");
}

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let place = 0; place < binary.length; place++) bytes[place] = binary.charCodeAt(place);
  return bytes;
}

function searchText(line) {
  const record = JSON.parse(line);
  const parts = [record.id, record.question, record.answer, record.cause, record.explanation, asText(record.target)];
  for (const exchange of record.exchanges || []) {
    const reply = exchange.reply || {};
    parts.push(reply.content, reply.reasoning);
    if (reply.tool_calls && reply.tool_calls.length) parts.push(asText(reply.tool_calls));
  }
  return parts.filter((part) => typeof part === "string" && part).join("\n").toLowerCase();
}

function asText(value) {
  if (value === null || value === undefined || typeof value === "string") return value;
  try {
    return JSON.stringify(value);
  } catch {
    return "";
  }
}
