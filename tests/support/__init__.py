"""What several test modules share; imported as `tests.support.NAME` everywhere."""
