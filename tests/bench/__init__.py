"""What an answer costs, told as ratios to references on the same machine in the same run: `make bench`."""
