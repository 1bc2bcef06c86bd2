"""Simulation-based calibration and coverage: what ``calibration.py`` puts together."""
