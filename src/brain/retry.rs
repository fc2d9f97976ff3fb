//! Decides whether a question is asked once more.

use std::time::Duration;

/// The longest that one question waits for its brain between two attempts.
pub const WAIT_SECONDS_MAX: u64 = 60;

/// The wait before the second attempt; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Why a question got no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The brain may answer later: no connection, a time-out, too busy, an error of the server's.
    #[error("{what}")]
    Later {
        /// What happened, one line.
        what: String,
        /// How long the other side wants to be left alone, where it says so.
        wait: Option<Duration>,
    },
    /// The brain answers nobody until a person has changed something: a wrong key, a wrong address.
    #[error("{what}")]
    Away {
        /// What happened, one line.
        what: String,
    },
    /// The brain is there, and has no answer to this question, now or later.
    #[error("{what}")]
    Question {
        /// Why not, in our own words.
        what: String,
    },
    /// The server does not take the request as it is. Its own words stay away: they may repeat the
    /// prompt, and this becomes a draft.
    #[error("the model's server refused the question with {status}")]
    Refused {
        /// The status code.
        status: u16,
    },
}

/// Why a question is asked once more, or is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The fault may pass.
    Transient,
    /// The fault stays.
    Permanent,
    /// The fault may pass, and all attempts are spent.
    AttemptsSpent,
    /// The fault may pass, and the wiring allows one attempt only.
    Disabled,
}

/// What to do after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// After how long to ask once more; none: not at all.
    pub after: Option<Duration>,
    /// Why.
    pub reason: Reason,
}

/// How many questions in a row may end without an answer; then a brain is left alone for the time.
pub const FAULTS_IN_A_ROW_MAX: u32 = 3;

/// Returns what to do after attempt number `attempt`, counted from 1, ended with a fault, where
/// `retries` further ones are allowed.
///
/// Who wants to be left alone for longer than [`WAIT_SECONDS_MAX`] is left alone by this tick.
pub fn should_retry(attempt: u32, fault: &Fault, retries: u32) -> Retry {
    let wait = match fault {
        Fault::Away { .. } | Fault::Question { .. } | Fault::Refused { .. } => {
            return Retry { after: None, reason: Reason::Permanent };
        }
        Fault::Later { wait, .. } => *wait,
    };
    if retries == 0 {
        return Retry { after: None, reason: Reason::Disabled };
    }
    if attempt > retries {
        return Retry { after: None, reason: Reason::AttemptsSpent };
    }
    let longest = Duration::from_secs(WAIT_SECONDS_MAX);
    let ours = FIRST_WAIT.saturating_mul(2u32.saturating_pow(attempt.saturating_sub(1)));
    let after = match wait {
        Some(wait) if wait > longest => None,
        Some(wait) => Some(wait.max(FIRST_WAIT)),
        None => Some(ours.min(longest)),
    };
    Retry { after, reason: Reason::Transient }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later(wait: Option<u64>) -> Fault {
        Fault::Later { what: String::new(), wait: wait.map(Duration::from_secs) }
    }

    #[test]
    fn what_may_pass_is_tried_again_as_often_as_allowed() {
        let away = Fault::Away { what: String::new() };
        let question = Fault::Question { what: String::new() };
        for (attempt, fault, retries, after_millis, reason) in [
            (1, later(None), 2, Some(500), Reason::Transient),
            (2, later(None), 2, Some(1000), Reason::Transient),
            (3, later(None), 2, None, Reason::AttemptsSpent),
            (1, later(None), 0, None, Reason::Disabled),
            (40, later(None), 90, Some(60_000), Reason::Transient),
            (u32::MAX - 1, later(None), u32::MAX, Some(60_000), Reason::Transient),
            (1, later(Some(7)), 2, Some(7000), Reason::Transient),
            (1, later(Some(0)), 2, Some(500), Reason::Transient),
            (1, later(Some(60)), 2, Some(60_000), Reason::Transient),
            (1, later(Some(61)), 2, None, Reason::Transient),
            (3, later(Some(1)), 2, None, Reason::AttemptsSpent),
            (1, away, 2, None, Reason::Permanent),
            (1, question, 2, None, Reason::Permanent),
            (1, Fault::Refused { status: 400 }, 2, None, Reason::Permanent),
        ] {
            let retry = should_retry(attempt, &fault, retries);
            let expected = Retry { after: after_millis.map(Duration::from_millis), reason };
            assert_eq!(retry, expected, "attempt {attempt} of {retries}, {fault:?}");
        }
    }
}
