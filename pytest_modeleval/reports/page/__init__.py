"""report.html: one page that opens from disk, offline, with every sample of a run. `modeleval view` serves it too.

The page has three parts, each of which can be used alone:

- `document.page_parts` writes the document: the overview as plain HTML that reads without a script, the data, and the
  scripts, with a content security policy that allows these scripts and the style by their hashes and nothing else.
- `packing` makes the data: zlib-compressed chunks of JSON lines (`pack`: a line is `SampleRecord.to_json()`) and an
  index of light columns (`SampleIndex`).
- `scripts/` has the page's own script. It takes everything from a source (`scripts/source.js`), which has `meta`, the
  JSON of the element `#page-meta`; `index()`, the index; `chunk(n)`, a chunk; and `onChange(call)` for a run that is
  under way. `EmbeddedSource` reads the page itself. `HttpSource` reads from a server, relative to the page's address:

      data/index.json     SampleIndex.to_json(); with ?since=COUNT&epoch=EPOCH only the rows that are new
      data/chunks/N       chunk N as `pack` yields it (application/octet-stream, no Content-Encoding)
      data/events         server-sent events while meta.live is true: "change" (of the index), and "end"

  A chunk whose `id` in the index is new is fetched again, so a server may fill up the last chunk of a run under way.
  A served page is `page_parts(..., samples=None, is_live=...)`; the server sends it with the policy that it holds.
"""
