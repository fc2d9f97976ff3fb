//! exits
