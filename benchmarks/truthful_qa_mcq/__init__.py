"""The benchmark truthful_qa_mcq, described in card.md."""
