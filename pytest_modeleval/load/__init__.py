"""Load on a server: sends requests in the shape of a load, stamps every arrival, reads the streams afterwards."""
