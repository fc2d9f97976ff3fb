//! Tells whether a sender looks like somebody else whom the operator knows.
//!
//! A heuristic: it warns, and decides nothing. What it does not find is not thereby honest.

use crate::fold;
use crate::message::Address;

/// Says whose look a sender has, where it is not that one.
///
/// `known` are the operator's own addresses, the approvers, and those who are written to already.
pub fn look_alike(from: &Address, known: &[Address]) -> Option<String> {
    if known.iter().any(|other| other.same_mailbox(from)) {
        return None;
    }
    let alike = |a: &str, b: &str| !a.eq_ignore_ascii_case(b) && skeleton(a) == skeleton(b);
    for other in known {
        if let (Some(domain), Some(theirs)) = (from.domain(), other.domain())
            && alike(&domain, &theirs)
        {
            return Some(format!("sender's domain looks like {theirs}, and is another"));
        }
        let same_domain = from.domain() == other.domain();
        if same_domain && alike(&from.email, &other.email) {
            return Some(format!("sender's address looks like {}, and is another", other.email));
        }
    }
    let named = |other: &&Address| {
        let (name, theirs) = (skeleton(&from.name), skeleton(&other.name));
        !name.is_empty() && (name == theirs || name == skeleton(&other.email))
    };
    known
        .iter()
        .find(named)
        .map(|other| format!("sender has the name of {}, and another address", other.email))
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
        assert_eq!(look_alike(&Address::new(name, email), &known).as_deref(), expected, "{name} {email}");
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
