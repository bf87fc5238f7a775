"""Clusters of razor_node under load and faults, with every call judged: what ci/chaos runs, and ci/test samples."""
