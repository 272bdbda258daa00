# SPDX-License-Identifier: Apache-2.0
"""What bench/run is made of: programs under measurement, figures of the kernel about them, statistics, tables."""
