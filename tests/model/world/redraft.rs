//! `git drafts redraft`: another draft of the same message, beside everybody else.
//!
//! It has read `main` and the ledger, and asks a brain; then it notes the new draft, under the desk's lock; then
//! it moves `main`, if nobody has done so meanwhile. Whoever begins a pass puts right what is left of one that
//! did not land (`settle::take_back`).

use super::{Mutant, Rules, Step, World};
use crate::desk::{File, Text};
use crate::story::{Kind, Noted};
use crate::world::What;

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Redraft {
    /// It asks the brain; whether the story has grown since it was read.
    Asking { outdated: bool },
    /// It has noted the new draft, and holds the desk's lock; whether `main` moved since.
    Noted { moved: bool },
}

/// What a person has approved is replaced.
pub const REPLACED: &str = "another draft takes the place of what a person has touched";

impl World {
    /// What can happen next with a redraft.
    pub fn redraft_steps(&self, rules: &Rules, steps: &mut Vec<Step>) {
        let mut add = |words, world, wrong, calm| {
            steps.push(Step { what: What { machine: None, words }, world, wrong, calm });
        };
        let untouched = self.files == [File::Draft(Text::A), File::None];
        let Some(redraft) = self.redraft else {
            let waits = rules.stories.last(self.stories[0]).kind == Kind::Drafted;
            if self.left.redrafts > 0 && waits && untouched && self.tick.is_none() {
                let mut world = World { redraft: Some(Redraft::Asking { outdated: false }), ..*self };
                world.left.redrafts -= 1;
                add("a redraft asks the brain", world, None, false);
            }
            return;
        };
        let mut world = World { redraft: None, ..*self };
        if self.left.crashes > 0 {
            let mut world = world;
            world.left.crashes -= 1;
            add("the redraft crashes", world, None, false);
        }
        match redraft {
            Redraft::Asking { outdated } => {
                if untouched && (!outdated || rules.is(Mutant::NoCompareAndSwap)) {
                    world.append(
                        rules,
                        0,
                        Noted { kind: Kind::Redrafted, machine: self.sender, generation: 1 },
                    );
                    world.redraft = Some(Redraft::Noted { moved: false });
                    add("the redraft is noted", world, None, true);
                } else {
                    add("the redraft gives up", world, None, true);
                }
            }
            Redraft::Noted { moved } if !moved || rules.is(Mutant::LandsAnyway) => {
                world.change(0, File::Draft(Text::C), false);
                add("the redraft lands", world, (!untouched).then_some(REPLACED), true);
            }
            Redraft::Noted { .. } => {
                world.take_back(rules);
                add("the redraft does not land, and is taken back", world, None, true);
            }
        }
    }

    /// Tells whether another draft was noted than the one that stands, as the program finds it.
    pub fn is_outlived(&self, rules: &Rules) -> bool {
        match self.files[0] {
            File::None => false,
            File::Draft(text) | File::Approved(text) => rules.stories.is_outlived(self.stories[0], text),
        }
    }

    /// Puts right what is left of a redraft, unless one is under way under the desk's lock.
    pub fn put_right(&self, rules: &Rules) -> Option<World> {
        let is_locked = matches!(self.redraft, Some(Redraft::Noted { .. }));
        let may = self.files[1] == File::None && !is_locked && !rules.is(Mutant::NeverTakenBack);
        (may && self.is_outlived(rules)).then(|| {
            let mut world = *self;
            world.take_back(rules);
            world
        })
    }

    fn take_back(&mut self, rules: &Rules) {
        if self.files[1] != File::None || !self.is_outlived(rules) {
            return;
        }
        let (File::Draft(text) | File::Approved(text)) = self.files[0] else { return };
        let kind = if text.is_redraft() { Kind::Redrafted } else { Kind::Drafted };
        self.append(rules, 0, Noted { kind, machine: self.sender, generation: 1 });
    }
}
