"""Stress testing, the pure part: operating points, workloads, arrivals, timings of requests, measures."""
