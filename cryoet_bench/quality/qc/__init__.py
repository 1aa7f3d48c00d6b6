"""QC of one tomogram."""
