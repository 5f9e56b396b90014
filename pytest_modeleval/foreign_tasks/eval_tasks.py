"""The place of the items of --eval-tasks in pytest's tree (pytest_modeleval collects them itself)."""
