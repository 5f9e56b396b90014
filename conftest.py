"""Of the whole repository: the project's own tests run other pytests."""

pytest_plugins = ["pytester"]
