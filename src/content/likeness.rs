//! Tells whether a sender looks like somebody else whom the operator knows.
//!
//! A heuristic: it warns, and decides nothing. What it does not find is not thereby honest.

use std::collections::{BTreeMap, BTreeSet};

use crate::fold;
use crate::message::Address;

/// Whom the operator knows: the operator's own addresses, the approvers, and those who are written to
/// already.
///
/// How each of them looks is found out once, however many senders are compared with them.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The addresses, in lower case.
    mailboxes: BTreeSet<String>,
    /// The domains, by their looks.
    domains: BTreeMap<String, Vec<String>>,
    /// The addresses as they were written, by their looks.
    addresses: BTreeMap<String, Vec<String>>,
    /// The address of whoever has a name or an address of these looks.
    names: BTreeMap<String, String>,
}

impl Known {
    /// Looks at each of them once.
    pub fn new<'a>(people: impl IntoIterator<Item = &'a Address>) -> Self {
        let mut known = Self::default();
        let mut seen = BTreeSet::new();
        for one in people.into_iter().filter(|one| seen.insert(*one)) {
            let looks = skeleton(&one.email);
            for name in [skeleton(&one.name), looks.clone()].into_iter().filter(|name| !name.is_empty()) {
                known.names.entry(name).or_insert_with(|| one.email.clone());
            }
            if known.mailboxes.insert(one.email.to_ascii_lowercase()) {
                known.addresses.entry(looks).or_default().push(one.email.clone());
                if let Some(domain) = one.domain() {
                    let alike = known.domains.entry(skeleton(&domain)).or_default();
                    if !alike.contains(&domain) {
                        alike.push(domain);
                    }
                }
            }
        }
        known
    }

    /// Says whose look a sender has, where it is not that one.
    pub fn look_alike(&self, from: &Address) -> Option<String> {
        if self.mailboxes.contains(&from.email.to_ascii_lowercase()) {
            return None;
        }
        let domain = from.domain();
        if let Some(domain) = &domain
            && let Some(theirs) =
                self.domains.get(&skeleton(domain)).into_iter().flatten().find(|theirs| *theirs != domain)
        {
            return Some(format!("sender's domain looks like {theirs}, and is another"));
        }
        let at_home = |theirs: &&String| domain_of(theirs) == domain;
        if let Some(theirs) = self.addresses.get(&skeleton(&from.email)).into_iter().flatten().find(at_home) {
            return Some(format!("sender's address looks like {theirs}, and is another"));
        }
        let theirs = self.names.get(&skeleton(&from.name))?;
        Some(format!("sender has the name of {theirs}, and another address"))
    }
}

fn domain_of(email: &str) -> Option<String> {
    Address::new("", email).domain()
}

/// Returns what is left of a text for an eye that does not look closely.
fn skeleton(text: &str) -> String {
    let mut plain = fold::plain(text.trim());
    for (seen, read) in [("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l"), ("|", "l"), ("i", "l"), ("5", "s")]
    {
        plain = plain.replace(seen, read);
    }
    plain.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, email: &str, expected: Option<&str>) {
        let known =
            [Address::new("Sam Hill", "sam@acme-mail.example"), Address::new("", "kim@paypal.example")];
        assert_eq!(
            Known::new(&known).look_alike(&Address::new(name, email)).as_deref(),
            expected,
            "{name} {email}"
        );
    }

    #[test]
    fn a_sender_who_looks_like_somebody_known_is_named() {
        let domain = |domain: &str| format!("sender's domain looks like {domain}, and is another");
        for email in
            ["sam@acrne-mail.example", "x@acmemail.example", "x@acme-mai1.example", "x@аcme-mail.example"]
        {
            check("", email, Some(&domain("acme-mail.example")));
        }
        check("", "kim@pаypаl.example", Some(&domain("paypal.example")));
        check("", "kim@paypa1.example", Some(&domain("paypal.example")));
        check(
            "",
            "k1m@paypal.example",
            Some("sender's address looks like kim@paypal.example, and is another"),
        );
        let name = "sender has the name of sam@acme-mail.example, and another address";
        check("Sam Hill", "sam@elsewhere.example", Some(name));
        check("Sаm  Hiii", "sam@elsewhere.example", Some(name));
        check("sam@acme-mail.example", "x@elsewhere.example", Some(name));
    }

    #[test]
    fn whoever_is_known_or_merely_another_is_not() {
        check("Sam Hill", "SAM@acme-mail.example", None);
        check("Sam Hillary", "sam@elsewhere.example", None);
        check("", "other@acme-mail.example", None);
        check("", "x@acme.example", None);
    }
}
