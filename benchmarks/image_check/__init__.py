"""Quick checks that a server shows pictures to its model."""
