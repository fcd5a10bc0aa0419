"""What makes data and runs answerable: hashes, snapshots that cannot change unnoticed, manifests, reruns."""
