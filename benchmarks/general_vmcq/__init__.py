"""The benchmark general_vmcq, described in card.md."""
