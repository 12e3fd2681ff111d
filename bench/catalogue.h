#pragma once

// Prints "name milliseconds" lines: medians over users of the scans of 100,000 items.
void measure_catalogue();
