"""An item of a run as a reader sees it: what was asked, what came back, what was made of it."""
