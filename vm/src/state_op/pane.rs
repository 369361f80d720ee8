//! Grouping by keys and time windows, in panes.
