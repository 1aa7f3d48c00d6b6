"""An array that is read in boxes, whatever the file it lies in."""
