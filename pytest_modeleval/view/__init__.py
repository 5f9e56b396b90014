"""`modeleval view`: a local web server over the run folders below a folder. Reads only; needs the extra `view`.

`app.make_app` is the application (Starlette), `server.serve` opens the socket and runs it (uvicorn). `access` decides
which requests are answered at all. A page of a run is that of `report.html` with its data over HTTP
(`reports/page/__init__.py`); the list and the comparison have scripts of their own in `scripts/`.
"""
