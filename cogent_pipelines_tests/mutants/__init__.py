"""Faults put into the code on purpose, one at a time: each must be seen by a test that others' word decides.

``python -m cogent_pipelines_tests.mutants`` runs them all; ``--help`` says how to run some.
"""
