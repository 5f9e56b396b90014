"""Two answers, compared by a judge in both orders: for alpaca_eval, arena_hard and arena."""
