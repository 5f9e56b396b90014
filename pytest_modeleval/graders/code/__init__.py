"""Grades programs: extraction from a reply, execution in the sandbox, comparison of outputs."""
