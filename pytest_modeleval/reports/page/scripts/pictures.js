// Pictures of a question: shown small, whole at a click, from the run's own data only.
import { el, replace, whole } from "./dom.js";
import { t } from "./texts.js";

const TYPES = { png: "image/png", jpg: "image/jpeg", gif: "image/gif", webp: "image/webp", bmp: "image/bmp" };
const FILE = /^images\/[0-9a-f]{64}\.(png|jpg|gif|webp|bmp)$/;
// Larger pictures would take hundreds of megabytes as soon as a sample is opened.
const MOST_PIXELS = 20e6;
const MOST_SHOWN = 20;

// The media type of a picture by its ending; there is none that can hold a script.
export function imageType(file) {
  return TYPES[file.split(".").at(-1)];
}

// The path of the picture that a part of a message shows, null for any other part.
export function pictureOf(part) {
  if (!part || part.type !== "image_url") return null;
  const url = part.image_url && typeof part.image_url === "object" ? part.image_url.url : part.image_url;
  return typeof url === "string" ? url : null;
}

// facts: {file, media_type, width, height, bytes} as the run has them; null where it has none.
export function pictureView(source, file, facts) {
  if (!FILE.test(file)) return el("p", { class: "quiet" }, t("sample.image_other", file.slice(0, 80)));
  const label = facts ? t("sample.image", facts.media_type, whole(facts.width), whole(facts.height), whole(facts.bytes)) : imageType(file);
  const link = el("a", { class: "picture", href: file, target: "_blank", rel: "noopener noreferrer", title: t("sample.image_open") });
  const caption = el("span", { class: "quiet" }, label);
  if (facts && facts.width * facts.height > MOST_PIXELS) return replace(link, caption);
  const image = el("img", { alt: label, loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => replace(link, el("span", { class: "quiet" }, t("sample.image_missing", label))));
  image.src = source.imageUrl(file);
  return replace(link, image, caption);
}

// The pictures of a question next to its text.
export function pictures(source, found) {
  const shown = found.slice(0, MOST_SHOWN).map((facts) => pictureView(source, String(facts.file), facts));
  return shown.length ? el("div", { class: "pictures" }, shown, found.length > MOST_SHOWN && t("sample.images_left", found.length - MOST_SHOWN)) : null;
}
