"""Clusters of razor_node under load while faults act on them, with every call judged: what ci/chaos runs, and ci/test samples."""
