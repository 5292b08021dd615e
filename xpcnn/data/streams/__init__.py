"""Pictures that stay on disk: where they lie in folders, tar shards, Parquet files and packs, and
how batches of them are decoded ahead of the step."""
