"""The files that host and device share, byte by byte."""
