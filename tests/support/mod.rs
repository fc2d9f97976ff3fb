//! What several test programs share; each uses a part of it.
#![allow(dead_code)]

pub mod bed;
pub mod desk;
pub mod forge;
pub mod hub;
pub mod mail;
pub mod model;
pub mod proxy;
pub mod tracker;
