"""The conditions of a measured process, what is counted in it, and its S3 server."""
