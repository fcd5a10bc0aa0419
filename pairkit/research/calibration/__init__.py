"""The calibration check of the stationarity gate."""
