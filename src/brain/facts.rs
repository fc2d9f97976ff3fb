//! Asks a program of the operator's what the own systems know about a message.
//!
//! It gets the message as one JSON object on stdin, and says what it knows as plain text on stdout: that
//! stands in the prompt and in the draft, as it is. It must never get anything of a message as an argument
//! or a variable, nor any other message.

use serde_json::{Value, json};

use crate::brain::program::Program;
use crate::brain::retry::Fault;
use crate::message::{Address, Message};
use crate::text;

/// The most bytes of facts about one message.
pub const BYTES_MAX: usize = 64 * 1024;

/// Asks once; none where there is nothing to be known.
///
/// # Errors
/// Why there are no facts, one line in our own words.
pub async fn ask(program: &Program, message: &Message) -> Result<Option<String>, String> {
    let said = program.ask(&json(message).to_string()).await.map_err(|fault| match fault {
        Fault::Question { .. } => format!("the program says more than {} KiB", BYTES_MAX / 1024),
        fault @ (Fault::Later { .. } | Fault::Away { .. } | Fault::Refused { .. }) => fault.to_string(),
    })?;
    let said = text::visible(&said);
    let said = said.trim_end().trim_matches('\n');
    Ok((!said.is_empty()).then(|| said.to_owned()))
}

/// Returns what the program is told: the message as a brain sees it, hidden characters marked and secrets
/// taken out.
pub fn json(message: &Message) -> Value {
    let one = |address: &Address| json!({ "name": address.name, "email": address.email });
    let several = |addresses: &[Address]| addresses.iter().map(one).collect::<Vec<_>>();
    json!({
        "version": 1,
        "source": message.source,
        "id": message.id,
        "thread": message.thread,
        "from": one(&message.from),
        "to": several(&message.to),
        "cc": several(&message.cc),
        "reply_to": several(&message.reply_to),
        "subject": message.subject,
        "date": message.date.as_ref().map(|date| date.timestamp().to_string()),
        "body": message.body,
        "attachments": message.attachments,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn check(script: &str) -> Result<Option<String>, String> {
        let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        let environment = vec![("PATH".into(), "/usr/bin:/bin".into())];
        let program =
            Program { command, environment, timeout: Duration::from_millis(1500), bytes_max: BYTES_MAX };
        let message = Message {
            from: Address::new("Ada", "ada@example.org"),
            body: "$(touch x); `id`".to_owned(),
            ..Message::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(ask(&program, &message))
    }

    #[test]
    fn what_a_program_says_is_visible_text() {
        assert_eq!(check("printf 'a\\033[2J\\n\\n'"), Ok(Some("a[hidden: U+001B][2J".to_owned())));
        assert_eq!(check("true"), Ok(None));
    }

    #[test]
    fn it_gets_the_message_on_its_standard_input_and_nothing_else() {
        assert_eq!(
            check(
                "cat | tr ',' '\\n' | grep -c touch; echo $#; env | cut -d= -f1 | grep -vx 'PATH\\|PWD\\|_\\|SHLVL\\|OLDPWD'; true"
            ),
            Ok(Some("1\n0".to_owned()))
        );
    }

    #[test]
    fn a_program_that_fails_says_why_in_our_words() {
        assert_eq!(check("echo secret; exit 3"), Err("`sh` ended with status 3".to_owned()));
        assert_eq!(check("sleep 30"), Err("`sh` did not end within 1 s, and was ended".to_owned()));
        assert_eq!(check("head -c 70000 /dev/zero"), Err("the program says more than 64 KiB".to_owned()));
    }
}
