//! The order of the rooms: the one file that knows it.
