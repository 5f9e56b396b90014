"""Web search for BFCL's agentic questions: who searches, how pages are read, and the two tools the model is given."""
