"""Everything that shows a running or finished evaluation: a summary -> text. Computes nothing but sums of counts."""
