//! Reads the unread messages of folders on an IMAP server, and notes there what was answered.
//!
//! Reading changes nothing: folders are only examined and bodies only peeked at. What is noted after an
//! answer was sent (`\Seen`, `\Answered`, a copy in the folder of sent mail) is a courtesy: whatever
//! becomes of it says nothing about the answer.
//!
//! `wire` has the words, `session` a connection; here is what is asked for, and in which order.

pub mod session;
pub mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, timeout_at};

use self::session::{Selected, Session};
use crate::connector::link::{Idle, Login, Server, away};
use crate::connector::mail::limits::RAW_BYTES_MAX;
use crate::connector::mail::{message_id, read};
use crate::connector::{ConnectorError, Marked, Window};
use crate::message::{Fetched, LEFT_OUT, Message, Unreadable, sha256_hex};

/// Messages of a folder that are fetched at a time.
pub const MESSAGES_MAX: usize = 2000;

/// Bytes of all messages that are fetched at a time.
pub const BYTES_MAX: u64 = 512 * 1024 * 1024;

/// How long a whole fetch may take; less than a tick gives any source, so that what was read by then is not
/// lost.
const FETCH_TIME_MAX: Duration = Duration::from_secs(240);

/// How much longer the login may take.
const LAST_WORD: Duration = Duration::from_secs(20);

/// Messages and bytes that are asked for with one command.
const BATCH_MESSAGES: usize = 50;
const BATCH_BYTES: u64 = 8 * 1024 * 1024;

/// Messages of a thread that are read again, of each folder: the last ones.
const TAIL_MESSAGES_MAX: usize = 100;

/// Ids that are looked for with one command, and how often new ones are looked for.
const IDS_MAX: usize = 15;
const ROUNDS_MAX: usize = 4;

/// How much before its first message a thread is looked for: clocks differ, and so do mail programs about
/// when a copy came.
const TAIL_BEFORE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Only what tells a message's place in its thread.
const PLACE: &str = "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID IN-REPLY-TO REFERENCES)]";

/// Folders on a server, as one person sees them.
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    server: Server,
    login: Login,
    folders: Vec<String>,
    sent: Option<String>,
    time: Duration,
    idle: Idle<Session>,
}

/// What a fetch has read so far.
#[derive(Default)]
struct Read {
    found: Vec<(Timestamp, Fetched)>,
    /// Whether it was stopped in the middle of a command, so that nobody knows what comes next there.
    is_cut: bool,
}

/// A message as its folder has it.
struct Place {
    uid: u32,
    bytes: u64,
    arrived: Timestamp,
}

impl Source {
    /// Makes a source; makes no call. `sent` is the folder with the operator's own answers.
    pub fn new(name: &str, server: Server, login: Login, folders: Vec<String>, sent: Option<String>) -> Self {
        Self {
            name: name.to_owned(),
            server,
            login,
            folders,
            sent,
            time: FETCH_TIME_MAX,
            idle: Idle::default(),
        }
    }

    /// Stops each fetch after so much time.
    pub fn stopping_after(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    /// Returns the unread messages of all folders that came in the window, oldest first.
    ///
    /// Beyond our bounds the oldest are left out, and an entry says so.
    pub async fn fetch(&self, window: &Window) -> Result<Vec<Fetched>, ConnectorError> {
        let end = Instant::now() + self.time;
        let slow = || away(format!("{} gave nothing within {} s", self.server, self.time.as_secs()));
        let read = self.with(async |session| self.fetch_all(session, window, end).await);
        // Only the way to the first folder has no end of its own.
        let Read { mut found, is_cut } = timeout_at(end + LAST_WORD, read).await.map_err(|_| slow())??;
        if is_cut {
            drop(self.idle.take());
            if found.iter().all(|(_, fetched)| fetched.is_err()) {
                return Err(slow());
            }
        }
        found.sort_by_key(|(time, _)| *time);
        Ok(found.into_iter().map(|(_, fetched)| fetched).collect())
    }

    /// Returns the messages of a thread, oldest first, those of the folder of sent mail included.
    ///
    /// A message belongs to it if it is the thread's first, or answers or names one that belongs to it.
    /// `since` is when the answered message was there, or some time before.
    pub async fn thread_tail(
        &self,
        thread: &str,
        message: &str,
        since: Option<Timestamp>,
    ) -> Result<Vec<Message>, ConnectorError> {
        let since = since.and_then(|since| since.checked_sub(TAIL_BEFORE).ok());
        self.with(async |session| self.tail(session, thread, message, since).await).await
    }

    /// Marks an answered message as read and answered, and puts a copy of the answer into the folder of sent
    /// mail unless it is there. A message without an id of its own cannot be found again, and of several with
    /// one id only those are marked that `is_answered` knows.
    pub async fn note_answered(
        &self,
        id: &str,
        is_answered: impl Fn(&Message) -> bool,
        copy: Option<(&str, &[u8])>,
    ) -> Result<(), ConnectorError> {
        self.with(async |session| {
            self.mark(session, id, &is_answered, "\\Seen \\Answered").await?;
            match (&self.sent, copy) {
                (Some(sent), Some((id, mail))) => keep_copy(session, sent, id, mail).await,
                _ => Ok(()),
            }
        })
        .await
    }

    /// Marks a message as read, as [`Source::note_answered`] finds it.
    pub async fn mark_read(
        &self,
        id: &str,
        is_it: impl Fn(&Message) -> bool,
    ) -> Result<Marked, ConnectorError> {
        let found = self.with(async |session| self.mark(session, id, &is_it, "\\Seen").await).await?;
        Ok(if found { Marked::Done } else { Marked::NotThere })
    }

    /// Ends a kept connection.
    pub async fn close(&self) {
        if let Some(session) = self.idle.take() {
            session.close().await;
        }
    }

    /// Does something on a kept connection, or on a new one; on a kept one that broke, once more. All that is
    /// done here can be done twice.
    async fn with<T>(
        &self,
        act: impl AsyncFn(&mut Session) -> Result<T, ConnectorError>,
    ) -> Result<T, ConnectorError> {
        let kept = self.idle.take();
        let was_kept = kept.is_some();
        let mut session = match kept {
            Some(session) => session,
            None => Session::open(&self.server, &self.login).await?,
        };
        let mut done = act(&mut session).await;
        if was_kept && matches!(done, Err(ConnectorError::Away { .. })) {
            session = Session::open(&self.server, &self.login).await?;
            done = act(&mut session).await;
        }
        // After an error nobody knows what is still under way there.
        if done.is_ok() {
            self.idle.keep(session);
        }
        done
    }

    fn all_folders(&self) -> impl Iterator<Item = &String> {
        self.folders.iter().chain(self.sent.iter().filter(|sent| !self.folders.contains(sent)))
    }

    /// Reads every folder, each in its share of the time, the newest messages first.
    async fn fetch_all(
        &self,
        session: &mut Session,
        window: &Window,
        end: Instant,
    ) -> Result<Read, ConnectorError> {
        let mut read = Read::default();
        for (place, folder) in self.folders.iter().enumerate() {
            let others = u32::try_from(self.folders.len() - place).unwrap_or(u32::MAX);
            let share = Instant::now() + end.saturating_duration_since(Instant::now()) / others;
            if !read.is_cut {
                match timeout_at(end, self.fetch_folder(session, folder, window, share, &mut read)).await {
                    Ok(done) => done?,
                    Err(_) => read.is_cut = true,
                }
            }
            if read.is_cut {
                read.found.push(self.left_out(folder));
            }
        }
        Ok(read)
    }

    async fn fetch_folder(
        &self,
        session: &mut Session,
        folder: &str,
        window: &Window,
        share: Instant,
        read: &mut Read,
    ) -> Result<(), ConnectorError> {
        session.select(folder, Selected::ReadOnly).await?;
        let mut places = places(session, window).await?;
        let all = places.len();
        leave_out_the_oldest(&mut places);
        if places.len() < all {
            let what = format!(
                "the folder `{folder}` holds {all} unread messages, and the oldest of them are left out"
            );
            read.found.push((Timestamp::MIN, Err(self.unreadable(format!("imap:{folder}"), what))));
        }
        for batch in batches(&places).into_iter().rev() {
            if Instant::now() >= share {
                read.found.push(self.left_out(folder));
                break;
            }
            self.fetch_batch(session, batch, &mut read.found).await?;
        }
        Ok(())
    }

    /// Says that a folder was not read to its end.
    fn left_out(&self, folder: &str) -> (Timestamp, Fetched) {
        let what = format!(
            "the folder `{folder}` could not be read whole within {} s, and what is older is left out",
            self.time.as_secs()
        );
        (Timestamp::MIN, Err(self.unreadable(format!("{LEFT_OUT}imap:{folder}"), what)))
    }

    async fn fetch_batch(
        &self,
        session: &mut Session,
        batch: &[Place],
        found: &mut Vec<(Timestamp, Fetched)>,
    ) -> Result<(), ConnectorError> {
        let arrived: BTreeMap<u32, Timestamp> =
            batch.iter().map(|place| (place.uid, place.arrived)).collect();
        let (large, honest): (Vec<&Place>, Vec<&Place>) =
            batch.iter().partition(|place| place.bytes > RAW_BYTES_MAX as u64);
        let uids = |places: Vec<&Place>| places.into_iter().map(|place| place.uid).collect::<Vec<_>>();
        let mut read_ones: BTreeMap<u32, Fetched> = BTreeMap::new();
        session
            .fetch(&uids(honest), "BODY.PEEK[]", |uid, item| {
                if let Some(body) = item.body {
                    read_ones.entry(uid).or_insert_with(|| read::read(&self.name, &body));
                }
            })
            .await?;
        session
            .fetch(&uids(large), "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]", |uid, item| {
                let head = item.body.unwrap_or_default();
                let id = read::place(&head).map_or_else(|| sha256_of(&head), |place| place.id);
                read_ones.insert(uid, Err(self.unreadable(id, "is larger than 25 MiB".to_owned())));
            })
            .await?;
        for (uid, fetched) in read_ones {
            let written = fetched.as_ref().ok().and_then(|message| message.date.as_ref());
            let time = written.map(|date| date.timestamp()).or_else(|| arrived.get(&uid).copied());
            found.push((time.unwrap_or(Timestamp::MIN), fetched));
        }
        Ok(())
    }

    async fn tail(
        &self,
        session: &mut Session,
        thread: &str,
        message: &str,
        since: Option<Timestamp>,
    ) -> Result<Vec<Message>, ConnectorError> {
        let mut known = BTreeSet::from([thread.to_owned(), message.to_owned()]);
        let mut folders: Vec<Members<'_>> = self.all_folders().map(Members::new).collect();
        // What one folder tells may have to be looked for in the others.
        for _ in 0..ROUNDS_MAX {
            let mut grows = false;
            for members in &mut folders {
                grows |= members.look(session, &mut known, since).await?;
            }
            if !grows {
                break;
            }
        }
        let mut found: BTreeMap<(Timestamp, String), Message> = BTreeMap::new();
        for members in &folders {
            let (large, honest) = members.of(&known);
            if large.is_empty() && honest.is_empty() {
                continue;
            }
            session.select(members.folder, Selected::ReadOnly).await?;
            // Of a mail that is too large its head says enough: who wrote it, and when.
            for (uids, part) in [(honest, "BODY.PEEK[]"), (large, "BODY.PEEK[HEADER]")] {
                let what = format!("INTERNALDATE {part}");
                let mut given = Given::default();
                session
                    .fetch(&uids, &what, |uid, item| {
                        if given.has(uid, &item) {
                            self.add(&mut found, &item);
                        }
                    })
                    .await?;
                given.check(&self.server)?;
            }
        }
        Ok(found.into_values().collect())
    }

    /// Adds a message to a thread, once, however many folders have it.
    fn add(&self, found: &mut BTreeMap<(Timestamp, String), Message>, item: &wire::Item) {
        let body = item.body.as_deref().unwrap_or_default();
        let Ok(message) = read::read(&self.name, body) else {
            tracing::info!(source = self.name, "a message of a thread could not be read");
            return;
        };
        let name = format!("{} {}", message.id, message.digest());
        if !found.keys().any(|(_, known)| *known == name) {
            let written = message.date.as_ref().map(|date| date.timestamp());
            found.insert((written.or(item.arrived).unwrap_or(Timestamp::MAX), name), message);
        }
    }

    /// Sets flags on a message wherever it is; tells whether it is anywhere.
    async fn mark(
        &self,
        session: &mut Session,
        id: &str,
        is_it: &impl Fn(&Message) -> bool,
        flags: &str,
    ) -> Result<bool, ConnectorError> {
        let Some(command) = message_id(id).filter(|same| same == id).and_then(|id| wire::by_id(&id)) else {
            return Ok(false);
        };
        let mut is_anywhere = false;
        for folder in &self.folders {
            session.select(folder, Selected::ReadWrite).await?;
            let found = session.search(&command).await?;
            let mut same = exactly(session, &found, id).await?;
            same.truncate(TAIL_MESSAGES_MAX);
            // Anybody can write another mail with this id, and nobody has seen that one.
            let mut marked = Vec::new();
            session
                .fetch(&same, "BODY.PEEK[]", |uid, item| {
                    let mail = read::read(&self.name, &item.body.unwrap_or_default());
                    if mail.is_ok_and(|message| is_it(&message)) {
                        marked.push(uid);
                    }
                })
                .await?;
            session.flag(&marked, flags).await?;
            is_anywhere |= !marked.is_empty();
        }
        Ok(is_anywhere)
    }

    fn unreadable(&self, id: String, what: String) -> Unreadable {
        Unreadable { source: self.name.clone(), id, what }
    }
}

/// Which messages a server gave, and of which it kept the text to itself.
#[derive(Default)]
struct Given {
    whole: BTreeSet<u32>,
    without: BTreeSet<u32>,
}

impl Given {
    /// Tells whether an item has the text that was asked for; one that only speaks of flags has none.
    fn has(&mut self, uid: u32, item: &wire::Item) -> bool {
        let has = item.body.as_ref().is_some_and(|body| !body.is_empty());
        if has {
            self.whole.insert(uid)
        } else {
            self.without.insert(uid)
        };
        has
    }

    /// Refuses a thread of which a message is there and was not given.
    fn check(&self, server: &Server) -> Result<(), ConnectorError> {
        match self.without.difference(&self.whole).next() {
            Some(uid) => Err(away(format!("{server} has message {uid} of the thread, and does not give it"))),
            None => Ok(()),
        }
    }
}

/// What one folder has of a thread.
struct Members<'f> {
    folder: &'f str,
    asked: BTreeSet<String>,
    places: BTreeMap<u32, (u64, read::Place)>,
}

impl<'f> Members<'f> {
    fn new(folder: &'f String) -> Self {
        Self { folder, asked: BTreeSet::new(), places: BTreeMap::new() }
    }

    /// Looks for ids that were not looked for yet; tells whether there were any.
    async fn look(
        &mut self,
        session: &mut Session,
        known: &mut BTreeSet<String>,
        since: Option<Timestamp>,
    ) -> Result<bool, ConnectorError> {
        let new: Vec<String> = known.difference(&self.asked).cloned().collect();
        if new.is_empty() {
            return Ok(false);
        }
        session.select(self.folder, Selected::ReadOnly).await?;
        for ids in new.chunks(IDS_MAX) {
            let Some(command) = wire::thread(ids, since) else { continue };
            let mut uids = session.search(&command).await?;
            uids.retain(|uid| !self.places.contains_key(uid));
            let last = &uids[uids.len().saturating_sub(TAIL_MESSAGES_MAX)..];
            let mut given = Given::default();
            session
                .fetch(last, &format!("RFC822.SIZE {PLACE}"), |uid, item| {
                    given.has(uid, &item);
                    if let Some(place) = item.body.as_deref().and_then(read::place) {
                        self.places.insert(uid, (item.size.unwrap_or(0), place));
                    }
                })
                .await?;
            given.check(session.server())?;
        }
        self.asked.extend(new);
        extend(known, self.places.values().map(|(_, place)| place));
        Ok(true)
    }

    /// Returns those that belong to the thread, the last ones: too large ones, and the others.
    fn of(&self, known: &BTreeSet<String>) -> (Vec<u32>, Vec<u32>) {
        let members = self.places.iter().filter(|(_, (_, place))| belongs(known, place));
        let members: Vec<(u32, u64)> = members.map(|(uid, (bytes, _))| (*uid, *bytes)).collect();
        let last = &members[members.len().saturating_sub(TAIL_MESSAGES_MAX)..];
        let (large, honest): (Vec<_>, Vec<_>) =
            last.iter().partition(|(_, bytes)| *bytes > RAW_BYTES_MAX as u64);
        let uids = |members: Vec<(u32, u64)>| members.into_iter().map(|(uid, _)| uid).collect();
        (uids(large), uids(honest))
    }
}

/// Puts a copy into a folder, unless one is there.
async fn keep_copy(session: &mut Session, sent: &str, id: &str, mail: &[u8]) -> Result<(), ConnectorError> {
    session.select(sent, Selected::ReadOnly).await?;
    if let Some(command) = wire::by_id(id) {
        let found = session.search(&command).await?;
        if !exactly(session, &found, id).await?.is_empty() {
            return Ok(());
        }
    }
    session.append(sent, mail).await
}

/// Returns those messages whose id is just this one: servers search for a part of it.
async fn exactly(session: &mut Session, uids: &[u32], id: &str) -> Result<Vec<u32>, ConnectorError> {
    let mut same = Vec::new();
    session
        .fetch(uids, PLACE, |uid, item| {
            if item.body.as_deref().and_then(read::place).is_some_and(|place| place.id == id) {
                same.push(uid);
            }
        })
        .await?;
    Ok(same)
}

/// Finds the unread messages of the selected folder that came in a window.
async fn places(session: &mut Session, window: &Window) -> Result<Vec<Place>, ConnectorError> {
    let uids = session.search(&wire::unseen(window.since)).await?;
    let last = &uids[uids.len().saturating_sub(10 * MESSAGES_MAX)..];
    let mut places = Vec::new();
    for uids in last.chunks(MESSAGES_MAX) {
        session
            .fetch(uids, "RFC822.SIZE INTERNALDATE", |uid, item| {
                // A message whose time cannot be read came at any time.
                let arrived = item.arrived.unwrap_or(Timestamp::MAX);
                if window.since.is_none_or(|since| arrived >= since) {
                    places.push(Place { uid, bytes: item.size.unwrap_or(0), arrived });
                }
            })
            .await?;
    }
    places.sort_by_key(|place| place.uid);
    places.dedup_by_key(|place| place.uid);
    Ok(places)
}

/// Keeps the newest messages within our bounds. Those that are too large themselves are not fetched.
fn leave_out_the_oldest(places: &mut Vec<Place>) {
    let mut bytes = 0;
    let keep = places.iter().rev().take(MESSAGES_MAX).take_while(|place| {
        bytes += place.bytes.min(RAW_BYTES_MAX as u64);
        bytes <= BYTES_MAX
    });
    let keep = keep.count();
    places.drain(..places.len() - keep);
}

/// Splits messages into what is asked for with one command.
fn batches(places: &[Place]) -> Vec<&[Place]> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, place) in places.iter().enumerate() {
        if index > start && (index - start == BATCH_MESSAGES || bytes + place.bytes > BATCH_BYTES) {
            batches.push(&places[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += place.bytes;
    }
    if start < places.len() {
        batches.push(&places[start..]);
    }
    batches
}

/// Adds to the ids of a thread those of the messages that belong to it.
fn extend<'a>(known: &mut BTreeSet<String>, places: impl Iterator<Item = &'a read::Place> + Clone) {
    loop {
        let before = known.len();
        for place in places.clone() {
            if belongs(known, place) {
                known.extend(place.references.iter().chain(&place.in_reply_to).cloned());
                known.insert(place.id.clone());
            }
        }
        if known.len() == before {
            return;
        }
    }
}

fn belongs(known: &BTreeSet<String>, place: &read::Place) -> bool {
    known.contains(&place.id)
        || place.references.iter().chain(&place.in_reply_to).any(|id| known.contains(id))
}

fn sha256_of(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256_hex(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(uid: u32, bytes: u64) -> Place {
        Place { uid, bytes, arrived: Timestamp::MIN }
    }

    fn uids(places: &[Place]) -> Vec<u32> {
        places.iter().map(|place| place.uid).collect()
    }

    #[test]
    fn beyond_the_bounds_the_oldest_are_left_out() {
        let check = |mut places: Vec<Place>, kept: Vec<u32>| {
            leave_out_the_oldest(&mut places);
            assert_eq!(uids(&places), kept);
        };
        check(vec![], vec![]);
        check((1..=2100).map(|uid| place(uid, 1)).collect(), (101..=2100).collect());
        let large = 25 * 1024 * 1024;
        check((1..=30).map(|uid| place(uid, large)).collect(), (11..=30).collect());
        // One that says that it is a terabyte costs a header.
        check(vec![place(1, 7), place(2, 1 << 40)], vec![1, 2]);
    }

    #[test]
    fn a_batch_is_small_whatever_is_in_it() {
        let check = |places: Vec<Place>, expected: &[usize]| {
            let sizes: Vec<usize> = batches(&places).iter().map(|batch| batch.len()).collect();
            assert_eq!(sizes, expected);
            assert_eq!(batches(&places).concat_uids(), uids(&places));
        };
        check(vec![], &[]);
        check((0..120).map(|uid| place(uid, 10)).collect(), &[50, 50, 20]);
        check(vec![place(1, 1), place(2, 9 << 20), place(3, 1), place(4, 1)], &[1, 1, 2]);
    }

    trait ConcatUids {
        fn concat_uids(&self) -> Vec<u32>;
    }

    impl ConcatUids for Vec<&[Place]> {
        fn concat_uids(&self) -> Vec<u32> {
            self.iter().flat_map(|batch| uids(batch)).collect()
        }
    }

    #[test]
    fn a_thread_grows_by_what_answers_or_names_it() {
        let place = |id: &str, in_reply_to: Option<&str>, references: &[&str]| read::Place {
            id: id.to_owned(),
            in_reply_to: in_reply_to.map(str::to_owned),
            references: references.iter().map(|id| (*id).to_owned()).collect(),
        };
        let places = [
            place("c", Some("b"), &[]),
            place("b", None, &["a"]),
            place("x", Some("y"), &["z"]),
            place("d", Some("c"), &[]),
        ];
        let mut known = BTreeSet::from(["a".to_owned()]);
        extend(&mut known, places.iter());
        assert_eq!(known.into_iter().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    }
}
