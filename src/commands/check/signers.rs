//! Whether signed approvals can count: the lists of keys, and how git signs here.

use super::Look;
use super::finding::Report;
use crate::desk::Desk;
use crate::plan::{Gate, Tier};

/// Looks at the lists of keys, and at how git signs where the policy asks for it.
pub fn look(look: &Look<'_>, report: &mut Report) {
    if look.wiring_error.is_some() {
        return;
    }
    let session = &look.session;
    let policy = Desk::read(&session.repository).ok().and_then(|desk| session.policy_in_force(&desk).ok());
    let asks =
        |tier: &Tier| policy.as_ref().is_some_and(|found| found.policy.gate(*tier) == Gate::ApproveSigned);
    let asking = Tier::ALL.into_iter().filter(asks).map(Tier::as_str).collect::<Vec<_>>().join(", ");
    let path = session.wiring.approval.allowed_signers.as_ref().map(|path| look.context.shown(path));
    match (session.signers(), path) {
        (Ok(Some((signers, _))), Some(path)) => {
            let asked = match asking.as_str() {
                "" => "no tier asks for a signature".to_owned(),
                asking => format!("tier {asking} asks for a signature"),
            };
            let keys = crate::ui::counted(signers.len(), "key");
            report.fine("signers", format!("signers {path}, {keys}; {asked}"));
            if let (false, Some(what)) = (asking.is_empty(), session.signs_not()) {
                report.note(
                    "signers.git",
                    format!("{what}, so only commits with -S are signed"),
                    "git config gpg.format ssh; git config user.signingkey <key>.pub; git config commit.gpgsign true",
                );
            }
        }
        (Ok(_), _) if asking.is_empty() => {}
        (Ok(_), _) => report.fine(
            "signers",
            format!("no signers in the wiring: approvals of tier {asking} are held until there are"),
        ),
        (Err(error), _) => report.error("signers", &error),
    }
}
