"""One request over HTTP: encode, stream, decode, classify errors. Knows no benchmark and no pytest."""
