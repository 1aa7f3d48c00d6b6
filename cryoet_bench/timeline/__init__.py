"""Which software is measured: releases, their pins, and the git repository that asv walks."""
