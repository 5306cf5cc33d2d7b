"""Where the device scripts run: MicroPython's unix port, an emulated Cortex-M7, a board."""
