"""The benchmark general_vqa, described in card.md."""
