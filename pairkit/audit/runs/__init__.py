"""Run manifests, reruns, the store of saved runs, and the records of checks and trials."""
