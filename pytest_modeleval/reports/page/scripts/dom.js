// Elements are made by these functions only: every value becomes a text node or an attribute, never markup.

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (name === "class") node.className = value;
    else if (value === true) node.setAttribute(name, "");
    else node.setAttribute(name, String(value));
  }
  append(node, ...children);
  return node;
}

export function append(node, ...children) {
  for (const child of children.flat(3)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

export function replace(node, ...children) {
  node.replaceChildren();
  return append(node, ...children);
}

export function byId(id) {
  return document.getElementById(id);
}

export function button(label, listener, attributes = {}) {
  return el("button", { type: "button", ...attributes, on: { click: listener } }, label);
}

export function whole(number) {
  return number === null || number === undefined ? "" : Math.round(number).toLocaleString("en-US");
}

export function seconds(value) {
  if (value === null || value === undefined) return "";
  return value < 10 ? `${value.toFixed(2)} s` : `${value.toFixed(1)} s`;
}

// localStorage is refused for some files that are opened from disk.
export function remember(name, value) {
  try {
    localStorage.setItem(`modeleval.${name}`, value);
  } catch {
    // The choice holds until the page is closed.
  }
}

export function remembered(name) {
  try {
    return localStorage.getItem(`modeleval.${name}`);
  } catch {
    return null;
  }
}
