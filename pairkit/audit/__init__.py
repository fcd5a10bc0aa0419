"""Reproducibility: hashes, sealed snapshots, run manifests, reruns."""
