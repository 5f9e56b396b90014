"""A web search tool for benchmarks: search engines, pages, recordings, an own corpus."""
