// Where a run's data comes from. A source has
//   meta:            the object of #page-meta: {schema, title, summary, curl, texts, source}
//   index(known):    promise of the light columns of all samples (packing.SampleIndex.to_json); of those that come after
//                    the ones in `known` where the answer's `from` is not 0
//   chunk(number):   promise of {bytes: Uint8Array} or {base64: text}: zlib-packed JSON lines, one a sample
//   imageUrl(file):  where the picture "images/HASH.png" of a question is
//   onChange(call):  calls back when there are new samples; only while a run is live
// Everything else of the page works on these five, wherever they come from.
import { byId } from "./dom.js";
import { imageType } from "./pictures.js";

export function openSource() {
  const meta = JSON.parse(byId("page-meta").textContent);
  return meta.source === "http" ? new HttpSource(meta, meta.base || "data/") : new EmbeddedSource(meta);
}

// The data stands in the page itself; each element is dropped once it is read, so that its text is held once.
export class EmbeddedSource {
  constructor(meta) {
    this.meta = meta;
    this.images = new Map();
  }

  async index() {
    return JSON.parse(await unpackedText(takeText(byId("sample-index"))));
  }

  async chunk(number) {
    return { base64: takeText(byId(`chunk-${number}`)) };
  }

  // Small pictures stand in the page; the others in the run folder, in which the page lies.
  imageUrl(file) {
    const node = byId(`image-${file.slice("images/".length)}`);
    if (!node) return this.images.get(file) || file;
    const bytes = Uint8Array.from(atob(takeText(node)), (char) => char.charCodeAt(0));
    const url = URL.createObjectURL(new Blob([bytes], { type: imageType(file) }));
    this.images.set(file, url);
    return url;
  }

  onChange() {
    // A file does not change.
  }
}

// `modeleval view` serves meta.json, index.json, chunks/N and, while the run is live, events (server-sent) below `base`.
export class HttpSource {
  constructor(meta, base) {
    this.meta = meta;
    this.base = base;
  }

  async index({ count, epoch }) {
    return (await this.get(`index.json?since=${count}&epoch=${epoch || ""}`)).json();
  }

  async chunk(number) {
    return { bytes: new Uint8Array(await (await this.get(`chunks/${number}`)).arrayBuffer()) };
  }

  imageUrl(file) {
    return file;
  }

  onChange(call) {
    if (!this.meta.live) return;
    const events = new EventSource(this.base + "events");
    events.addEventListener("change", call);
    events.addEventListener("end", () => {
      events.close();
      call();
    });
  }

  async get(path) {
    const answer = await fetch(this.base + path, { credentials: "same-origin" });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer;
  }
}

function takeText(node) {
  const text = node.textContent.trim();
  node.remove();
  return text;
}

async function unpackedText(base64) {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).text();
}
