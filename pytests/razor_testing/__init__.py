"""Chaos for clusters of real processes, from pytest: processes, faults between them, and judges of what calls came to."""
