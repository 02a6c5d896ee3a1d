"""Search services: one file each, one shape of question and answer for all."""
