"""Finished outputs of other evaluation tools become run folders of ours (`modeleval import-run`)."""
