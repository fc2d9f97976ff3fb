//! Breadth first through every state, so that what is found is the shortest way there.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

use crate::world::{Rules, What, World};

/// What became of a search.
pub enum Search {
    /// Every promise is kept in every state, and from each one senders reach an end that is told.
    Kept { states: usize, steps: usize, stories: usize },
    /// A promise is broken, and this is how.
    Broken { wrong: &'static str, trace: Vec<String> },
}

/// No crash, no person and no other machine leads from this state to an end that somebody is told of.
pub const STUCK: &str = "it is stuck: neither sent, nor unsure, nor waiting for a person";

/// Goes through every state that the rules allow; looks for one broken promise only, if one is named.
pub fn search(rules: &Rules, only: Option<&'static str>) -> Search {
    let begin = World::begin(rules.left);
    let mut numbers: HashMap<World, u32, BuildHasherDefault<Mix>> = HashMap::default();
    let mut worlds = vec![begin];
    let mut came_from: Vec<(u32, Option<What>)> = vec![(0, None)];
    // Which states can reach a state without crash, person or take-over.
    let mut calm: Vec<(u32, u32)> = Vec::new();
    let mut steps = 0;
    numbers.insert(begin, 0);
    let mut at = 0;
    while at < worlds.len() {
        let here = number(at);
        for step in worlds[at].steps(rules) {
            steps += 1;
            if let Some(wrong) = step.wrong.filter(|wrong| only.is_none_or(|only| only == *wrong)) {
                let mut trace = way_to(&came_from, here);
                trace.push(step.what.to_string());
                return Search::Broken { wrong, trace };
            }
            let there = match numbers.entry(step.world) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    let there = number(worlds.len());
                    new.insert(there);
                    worlds.push(step.world);
                    came_from.push((here, Some(step.what)));
                    there
                }
            };
            if step.calm && there != here {
                calm.push((there, here));
            }
        }
        at += 1;
    }
    match stuck(&worlds, calm, rules) {
        Some(state) => Search::Broken { wrong: STUCK, trace: way_to(&came_from, state) },
        None => Search::Kept { states: worlds.len(), steps, stories: rules.stories.count() },
    }
}

/// Returns a state from which senders alone never reach an end, if there is one.
fn stuck(worlds: &[World], mut calm: Vec<(u32, u32)>, rules: &Rules) -> Option<u32> {
    calm.sort_unstable();
    let mut ends = vec![false; worlds.len()];
    let mut open: Vec<u32> = Vec::new();
    for (place, world) in worlds.iter().enumerate() {
        if world.is_told(rules) {
            ends[place] = true;
            open.push(number(place));
        }
    }
    while let Some(there) = open.pop() {
        let from = calm.partition_point(|(to, _)| *to < there);
        for (_, here) in calm[from..].iter().take_while(|(to, _)| *to == there) {
            let place = usize::try_from(*here).unwrap();
            if !ends[place] {
                ends[place] = true;
                open.push(*here);
            }
        }
    }
    ends.iter().position(|ends| !ends).map(number)
}

fn way_to(came_from: &[(u32, Option<What>)], mut state: u32) -> Vec<String> {
    let mut way = Vec::new();
    while state != 0 {
        let (before, what) = &came_from[usize::try_from(state).unwrap()];
        way.extend(what.map(|what| what.to_string()));
        state = *before;
    }
    way.reverse();
    way
}

fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap()
}

/// A hash that is quick without optimisation; nobody attacks a test.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u8(*byte);
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_isize(&mut self, value: isize) {
        self.write(&value.to_ne_bytes());
    }
}
