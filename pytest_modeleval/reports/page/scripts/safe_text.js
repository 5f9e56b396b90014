// Text of a model, a data file or a server as elements. It is text until markdown-it (which passes no HTML), KaTeX (trust
// off, MathML only) or highlight.js have made markup of it, and DOMPurify has taken everything from that markup but a
// short list of elements. Links and images stay text: nothing that a model wrote can be clicked or loads anything.
import { append, button, el, replace } from "./dom.js";
import { t } from "./texts.js";

/* global DOMPurify, hljs, katex, markdownit */
// The characters of text_layout.HIDDEN: control characters, marks that reorder text, characters that cannot be seen.
const HIDDEN =
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\u{e0000}-\u{e007f}]/gu;
const MOST_MARKS = 2000;
const MOST_MARKUP = 60000;
const MOST_FORMULA = 2000;
const MOST_FORMULAS = 400;
const MOST_HIGHLIGHTED = 30000;
const SHOWN_AT_ONCE = 40000;
const PIECE = 4000;
const TAGS = "p br strong em s code pre span blockquote ul ol li hr table thead tbody tr th td div del".split(" ");

export function visibleText(text) {
  return text.replaceAll("\r\n", "\n").replace(HIDDEN, escapeOf);
}

export function shortText(text, most) {
  const line = visibleText(text.slice(0, most * 2)).replace(/\s+/g, " ").trim();
  return line.length > most ? `${line.slice(0, most)}…` : line;
}

// Append a text with every hidden character as a small mark that shows its escape.
export function appendText(node, text) {
  const plain = text.replaceAll("\r\n", "\n");
  const count = (plain.match(HIDDEN) || []).length;
  if (!count || count > MOST_MARKS) return append(node, visibleText(plain));
  let end = 0;
  for (const found of plain.matchAll(HIDDEN)) {
    append(node, plain.slice(end, found.index), el("span", { class: "hidden-char" }, escapeOf(found[0])));
    end = found.index + found[0].length;
  }
  return append(node, plain.slice(end));
}

// A text as it came, in a box; a long one in its beginning and end, all of it on demand.
export function rawText(text, label = "") {
  const node = el("pre", { class: "text", dir: "auto", tabindex: "0", role: "group", "aria-label": label || t("text.raw") });
  if (text.length <= SHOWN_AT_ONCE * 1.5) return appendPieces(node, text);
  const left = text.length - SHOWN_AT_ONCE * 1.25;
  const more = button(t("text.more", left.toLocaleString("en-US")), () => appendPieces(replace(node), text), { class: "more-text" });
  appendPieces(node, text.slice(0, SHOWN_AT_ONCE));
  append(node, more);
  return appendPieces(node, text.slice(-SHOWN_AT_ONCE / 4));
}

// A long text in blocks of which the browser lays out only those that can be seen; they end with a line where one ends.
function appendPieces(node, text) {
  if (text.length <= PIECE) return appendText(node, text);
  for (let start = 0; start < text.length; ) {
    const line = text.lastIndexOf("\n", start + PIECE);
    const hard = start + PIECE;
    const end = line > start ? line + 1 : hard + /[\ud800-\udbff]/.test(text[hard - 1]);
    node.append(appendText(el("span", { class: "piece" }), text.slice(start, end).replace(/\n$/, "")));
    start = end;
  }
  return node;
}

// A text with its Markdown, formulas and code rendered; as it came where that would be too much.
export function renderedText(text, label = "") {
  if (!text.trim() || text.length > MOST_MARKUP || longestLine(text) > MOST_MARKUP / 4) return rawText(text, label);
  try {
    const formulas = [];
    const html = markdown().render(text.replaceAll("\r\n", "\n"), { formulas });
    const node = el("div", { class: "markup", dir: "auto" }, purified(html));
    placeFormulas(node, formulas);
    markHidden(node);
    return node;
  } catch (error) {
    console.info(`shown as it came: ${error.message}`);
    return rawText(text, label);
  }
}

export function highlightedCode(text, language) {
  const node = el("pre", { class: "text", tabindex: "0", role: "group", "aria-label": t("text.code") });
  if (text.length > MOST_HIGHLIGHTED) return appendText(node, text);
  append(node, purified(hljs.highlight(text, { language }).value));
  markHidden(node);
  return node;
}

function escapeOf(char) {
  const code = char.codePointAt(0);
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
}

function longestLine(text) {
  let longest = 0;
  for (const line of text.split("\n")) longest = Math.max(longest, line.length);
  return longest;
}

function purified(html) {
  return DOMPurify.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ["class", "data-formula"],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}

let parser = null;

function markdown() {
  if (parser) return parser;
  parser = markdownit({ html: false, linkify: false, breaks: true, maxNesting: 40, highlight: codeMarkup });
  parser.disable(["image", "link", "autolink", "reference", "html_block", "html_inline"], true);
  parser.inline.ruler.before("escape", "formula", inlineFormula);
  parser.block.ruler.before("fence", "formula", blockFormula, { alt: ["paragraph"] });
  parser.renderer.rules.formula = (tokens, place, _, { formulas }) => {
    formulas.push([tokens[place].content, tokens[place].markup]);
    return `<span data-formula="${formulas.length - 1}"></span>`;
  };
  // Headings of a reply are no headings of this page.
  parser.renderer.rules.heading_open = () => '<p class="heading"><strong>';
  parser.renderer.rules.heading_close = () => "</strong></p>";
  // Alignment comes as a style attribute, which the page's policy forbids.
  for (const name of ["th_open", "td_open"]) parser.renderer.rules[name] = (tokens, place) => `<${tokens[place].tag}>`;
  return parser;
}

function codeMarkup(code, language) {
  const known = language && hljs.getLanguage(language) && code.length <= MOST_HIGHLIGHTED;
  return known ? hljs.highlight(code, { language, ignoreIllegals: true }).value : "";
}

const PAIRS = [["$$", "$$"], ["\\[", "\\]"], ["\\(", "\\)"], ["$", "$"]];

function inlineFormula(state, isSilent) {
  const { src, pos } = state;
  if (src[pos] !== "$" && src[pos] !== "\\") return false;
  const pair = PAIRS.find(([open]) => src.startsWith(open, pos));
  if (!pair) return false;
  const start = pos + pair[0].length;
  const window = src.slice(start, start + MOST_FORMULA);
  const length = window.indexOf(pair[1]);
  const content = window.slice(0, length);
  if (length <= 0 || (pair[0] === "$" && !isSingleDollar(content, window[length + 1]))) return false;
  if (!isSilent) addFormula(state.push("formula", "span", 0), content, pair[0]);
  state.pos = start + length + pair[1].length;
  return true;
}

// "$5 and $6" is money: a formula neither begins nor ends with a space, and no digit follows it.
function isSingleDollar(content, next) {
  return /^\S(.*\S)?$/s.test(content) && !content.includes("\n\n") && !/[0-9]/.test(next || "");
}

function blockFormula(state, first, last, isSilent) {
  const begin = state.src.slice(state.bMarks[first] + state.tShift[first], state.eMarks[first]);
  const pair = PAIRS.slice(0, 2).find(([open]) => begin.startsWith(open));
  if (!pair || begin.indexOf(pair[1], pair[0].length) >= 0) return false;
  const lines = [begin.slice(pair[0].length)];
  for (let line = first + 1; line < last && lines.length < 100; line++) {
    const text = state.src.slice(state.bMarks[line] + state.tShift[line], state.eMarks[line]);
    const end = text.indexOf(pair[1]);
    if (end < 0) {
      lines.push(text);
      continue;
    }
    if (text.slice(end + 2).trim()) return false;
    if (isSilent) return true;
    addFormula(state.push("formula", "div", 0), [...lines, text.slice(0, end)].join("\n"), pair[0]);
    state.line = line + 1;
    return true;
  }
  return false;
}

function addFormula(token, content, markup) {
  token.content = content;
  token.markup = markup;
}

function placeFormulas(node, formulas) {
  for (const span of node.querySelectorAll("[data-formula]")) {
    const [formula, open] = formulas[Number(span.dataset.formula)];
    const isDisplay = open === "$$" || open === "\\[";
    const made = Number(span.dataset.formula) < MOST_FORMULAS ? mathElement(formula, isDisplay) : null;
    span.removeAttribute("data-formula");
    span.className = made ? (isDisplay ? "formula display" : "formula") : "formula-source";
    replace(span, made || open + formula + PAIRS.find(([start]) => start === open)[1]);
  }
}

// null: KaTeX cannot read it.
function mathElement(formula, displayMode) {
  try {
    const options = { output: "mathml", displayMode, trust: false, throwOnError: true, strict: "ignore", maxExpand: 200, maxSize: 20 };
    return DOMPurify.sanitize(katex.renderToString(formula, options), {
      USE_PROFILES: { mathMl: true },
      ADD_FORBID_CONTENTS: ["annotation"],
      FORBID_TAGS: ["annotation", "maction", "mglyph"],
      FORBID_ATTR: ["style", "href", "xlink:href", "src", "id", "name"],
      ALLOW_DATA_ATTR: false,
      RETURN_DOM_FRAGMENT: true,
    });
  } catch {
    return null;
  }
}

function markHidden(node) {
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) if (walker.currentNode.data.search(HIDDEN) >= 0) texts.push(walker.currentNode);
  for (const text of texts) {
    const marked = appendText(document.createDocumentFragment(), text.data);
    text.replaceWith(marked);
  }
}
